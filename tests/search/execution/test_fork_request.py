from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.search.execution import fork_request

SAYS_SO = [sys.executable, "-c", "import sys; print(*sys.argv[1:])"]
WAIT_SECONDS = 20


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
