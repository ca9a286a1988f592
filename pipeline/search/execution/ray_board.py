"""Where workers leave their heartbeats for the driver: the table that Ray keeps on the head anyway."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from typing import Any

import ray
from ray.exceptions import RayError
from ray.experimental import internal_kv

from pipeline.search.execution.heartbeat import Pulse

_PREFIX = "heartbeat-"
_SECONDS = 5  # that the head may take to answer


def post(name: str, pulse: Pulse) -> None:
    """Say how far a trial is; nothing happens where there is no Ray, or while the head does not answer."""
    if ray.is_initialized():
        with contextlib.suppress(RayError):  # it is said again in a moment
            _head().internal_kv_put(_key(name), pulse.to_bytes(), True, _namespace(), timeout=_SECONDS)


def read(names: Collection[str]) -> Mapping[str, Pulse] | None:
    """What was said last of each of these, if anything; None while the head does not answer."""
    keys = {_key(name): name for name in names}
    try:
        found = _head().internal_kv_multi_get(list(keys), _namespace(), timeout=_SECONDS)
    except RayError:
        return None
    return {keys[key]: Pulse.of_bytes(content) for key, content in found.items()}


def clear() -> None:
    """Leave nothing of this search on a head that lives on."""
    with contextlib.suppress(RayError):  # a head that is gone has nothing left
        _head().internal_kv_del(_PREFIX.encode(), True, _namespace(), timeout=_SECONDS)


def _head() -> Any:
    return internal_kv.global_gcs_client


def _key(name: str) -> bytes:
    return f"{_PREFIX}{name}".encode()


def _namespace() -> bytes:
    """That of this search among others on the same cluster."""
    return f"convoy-{ray.get_runtime_context().get_job_id()}".encode()
