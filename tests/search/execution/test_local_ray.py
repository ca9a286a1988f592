from __future__ import annotations

import gc
import importlib.util
import inspect
import os
import signal
import subprocess
import sys
import weakref
from pathlib import Path

import pytest
import ray

from pipeline.search.execution import ray_environment, ray_thread
from pipeline.search.execution.local_ray import crowded
from pipeline.search.execution.ray_processes import AGENT_PORTS, AGENTS, ONLOOKERS, WORKERS


def test_what_is_changed_in_ray_has_these_names_in_the_installed_one() -> None:
    from ray import _raylet
    from ray._private import services, worker
    from ray._private.node import Node
    from ray.tune.execution import class_cache

    assert [name for name in AGENT_PORTS if not hasattr(_raylet, name)] == []
    assert all(f'"{name}=' in inspect.getsource(services.start_raylet) for name in (*AGENTS, WORKERS))
    assert {*class_cache.DEFAULT_ENV_VARS, *class_cache.ENV_VARS_TO_PROPAGATE}
    assert [name for name in ONLOOKERS if not hasattr(Node, name)] == []
    assert hasattr(worker, "_worker_logs_enabled")


def test_the_modules_that_a_waiting_worker_loads_are_there() -> None:
    environment = {**os.environ}
    try:
        ray_environment.prepare(threads=1)
        names = os.environ["RAY_preload_python_modules"].split(",")  # noqa: SIM112 - Ray spells its options so
    finally:
        os.environ.clear()
        os.environ.update(environment)
    assert names and all(importlib.util.find_spec(name) for name in names)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)])
def test_while_ray_hangs_the_first_signal_ends_the_wait_and_the_second_the_process(number: signal.Signals, code: int) -> None:
    process = subprocess.Popen([sys.executable, "-m", "tests.search.execution.hanging_ray"], stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "starting\n"
        process.send_signal(number)
        assert process.stdout.readline() == f"{number.name}\n"
        process.send_signal(number)
        assert process.wait(timeout=20) == code


def test_nothing_of_rays_is_left_to_the_garbage_collector_while_ray_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    class Held:
        def __init__(self) -> None:
            self.itself = self

    garbage, seen = weakref.ref(Held()), []
    monkeypatch.setattr(ray, "shutdown", lambda: seen.append((garbage(), gc.isenabled())))
    ray_thread._shut_down()
    assert seen == [(None, False)]
    assert gc.isenabled()


def test_too_little_shared_memory_is_said_with_what_a_container_needs(tmp_path: Path) -> None:
    assert crowded(1, tmp_path) == ""
    assert crowded(2**60, tmp_path / "not there, as on a Mac") == ""
    said = crowded(2**60, tmp_path)
    assert said.startswith(f"{tmp_path} has ") and said.endswith("--shm-size=1073741824g")
