"""Joining a cluster: only one that lets in who has its token alone, that runs our Ray, and with our code for its workers."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

import pipeline
from pipeline.cluster import gcs, token
from pipeline.cluster.settings import AUTO
from pipeline.errors import ClusterUnreachable, SecurityRefusal
from pipeline.search.execution import allocator, ray_environment, ray_processes

_IN_A_JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"  # Ray sets it for what it runs as a job, whose folder has our code already


def found(address: str, insecure: bool) -> str:
    """The address of the head, once it was looked at; raises SecurityRefusal, ClusterUnreachable, OtherVersion."""
    address = _found(address)
    _require_safe(address, insecure)
    return address


def join(address: str, scratch: Path) -> None:
    """Make this process a driver of the cluster; `scratch` takes a copy of our code on its way."""
    import ray

    ray_processes.without_essays()
    environment = {"env_vars": allocator.environment(os.environ)}
    with _our_code(scratch) as code:
        ray.init(
            address=address,
            runtime_env=code | environment,
            log_to_driver=False,
            logging_level=logging.CRITICAL,
            namespace=f"convoy-{secrets.token_hex(4)}",
        )


def _found(address: str) -> str:
    if address != AUTO:
        return address
    from ray._private.utils import read_ray_address

    found = read_ray_address()
    if not found:
        remedy = "start it with `ray start`, or set cluster.address: HOST:PORT"
        raise ClusterUnreachable("cluster.address: auto", why="no Ray was started on this machine", remedy=remedy)
    return str(found)


def _require_safe(address: str, insecure: bool) -> None:
    head = gcs.look(address, token.find(os.environ, Path.home()))
    if head.open:
        if not insecure:
            why = "it lets everybody in who reaches it, and runs what they send"
            remedy = "start it with a token (docs/cluster.md); cluster.insecure: true joins it all the same"
            raise SecurityRefusal("the cluster", where=address, why=why, remedy=remedy)
        ray_environment.open_to_everybody()
    gcs.require_same_versions(address, head)
    gcs.require_a_node_here(address, head, _addresses_of_this_machine())


def _addresses_of_this_machine() -> set[str]:
    return {address.address for addresses in psutil.net_if_addrs().values() for address in addresses}


@contextlib.contextmanager
def _our_code(scratch: Path) -> Iterator[dict[str, Any]]:
    """The code of all workers: this package and nothing else, whatever the nodes have."""
    if _IN_A_JOB in os.environ:
        yield {}
        return
    folder = scratch / "code"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(Path(pipeline.__file__).parent, folder / "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    try:
        yield {"working_dir": str(folder.resolve())}
    finally:
        shutil.rmtree(folder)
