from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pipeline.search import fork_request
from tests.imports import REPOSITORY

SAYS_SO = [sys.executable, "-c", "import sys; print(*sys.argv[1:])"]
WAIT_SECONDS = 20


@pytest.mark.parametrize("ended", ["driver", "raylet"])
def test_workers_are_forks_of_one_process_and_nothing_is_left_when_who_wants_them_is_gone(ended: str, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "tests.search.forked_workers"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path, env=environment) as driver:
        assert driver.stdout is not None
        found = json.loads(driver.stdout.readline())
        workers, family = found["workers"], psutil.Process(driver.pid).children(recursive=True)
        try:
            for worker in workers:
                assert worker["parent"] == found["parent"]
                assert worker["group"] == worker["pid"]
                assert worker["torch"] and worker["at home"] and worker["deaf to Ctrl-C"]
            for name in ("pid", "worker", "random"):
                assert len({worker[name] for worker in workers}) == 2
            assert found["replaced"]
            assert {process.pid for process in family} >= {found["parent"], *(worker["raylet"] for worker in workers)}

            os.kill(driver.pid if ended == "driver" else workers[0]["raylet"], signal.SIGKILL)
            left = [process for process in family if ended == "driver" or _is_of_workers(process)]
            deadline = time.monotonic() + WAIT_SECONDS
            while any(_runs(process) for process in left):
                assert time.monotonic() < deadline, left
                time.sleep(0.05)
            assert not Path(found["door"]).parent.exists()
        finally:
            driver.kill()


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    """A parent that forks nobody by itself."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "door"))
        listener.listen()
        yield listener


@pytest.mark.parametrize(("door", "options"), [("none", []), ("door", ["--serialized-runtime-env-context={1: 2}"])])
def test_without_a_fork_it_is_the_worker_that_ray_meant(
    door: str, options: list[str], listener: socket.socket, tmp_path: Path
) -> None:
    with _request(tmp_path / door, *options) as asking:
        assert asking.communicate(timeout=WAIT_SECONDS)[0] == " ".join(["Ray's", *options]) + "\n"


def test_a_parent_that_dies_before_it_has_forked_leaves_ray_its_own_way(listener: socket.socket, tmp_path: Path) -> None:
    with _request(tmp_path / "door") as asking:
        listener.accept()[0].close()
        assert asking.communicate(timeout=WAIT_SECONDS)[0] == "Ray's\n"


def test_who_asked_ends_with_the_worker_and_as_it_did(listener: socket.socket, tmp_path: Path) -> None:
    with _request(tmp_path / "door") as asking, listener.accept()[0] as connection:
        connection.sendall(fork_request.FORKED)
        time.sleep(0.1)
        assert asking.poll() is None
        connection.sendall(b"3")
        assert asking.wait(WAIT_SECONDS) == 3


def _request(door: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-I", "-S", fork_request.__file__, str(door), *SAYS_SO, "Ray's", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _is_of_workers(process: psutil.Process) -> bool:
    try:
        return "worker_forks" in (told := " ".join(process.cmdline())) or told.startswith("ray::")
    except psutil.NoSuchProcess:
        return True


def _runs(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
