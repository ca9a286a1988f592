"""A Ray cluster of one node with its job server, on loopback, closed by a token; it ends with the block."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

_START_SECONDS = 90.0


@dataclass(frozen=True)
class Head:
    """Its job server, the file with its token, the folder where Ray keeps logs and packages, and the process of all others."""

    address: str
    token_file: Path
    folder: Path
    pid: int

    @property
    def environment(self) -> dict[str, str]:
        """What a client needs to be let in."""
        return {"RAY_AUTH_TOKEN_PATH": str(self.token_file)}


@contextmanager
def head(*, cpus: int = 2, gpus: int = 0, closed: bool = True, **variables: str) -> Iterator[Head]:
    """A head whose `python` is not ours: PATH holds the system's alone; `variables` are those of its `ray start`."""
    folder = Path(tempfile.mkdtemp(prefix="ch-"))  # sockets below it must have short names
    folder.chmod(0o700)
    token = folder / "token"
    token.write_text(secrets.token_hex(32))
    token.chmod(0o600)
    port = free_port()
    process = _start(folder, token, port, cpus, gpus, closed, variables)
    try:
        _wait(process, port, folder)
        yield Head(f"http://127.0.0.1:{port}", token, folder, process.pid)
    finally:
        process.terminate()
        process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _start(
    folder: Path, token: Path, port: int, cpus: int, gpus: int, closed: bool, variables: dict[str, str]
) -> subprocess.Popen[bytes]:
    options = {
        "port": free_port(),
        "node-ip-address": "127.0.0.1",
        "dashboard-host": "127.0.0.1",
        "dashboard-port": port,
        "dashboard-agent-listen-port": free_port(),
        "include-dashboard": "true",
        "num-cpus": cpus,
        "num-gpus": gpus,  # Ray takes our word for it
        "object-store-memory": 2**28,
        "temp-dir": folder / "r",
    }
    command = [str(Path(sys.executable).parent / "ray"), "start", "--head", "--block", "--disable-usage-stats"]
    closing = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)} if closed else {"RAY_AUTH_MODE": "disabled"}
    unwanted = ("PYTHONPATH", "VIRTUAL_ENV", "RAY_ADDRESS", "MLFLOW_TRACKING_URI")
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    environment = {**kept, **variables, **closing, "PATH": "/usr/bin:/bin", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
    with (folder / "output").open("wb") as output:
        return subprocess.Popen(
            [*command, *(f"--{name}={value}" for name, value in options.items())],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _wait(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    """Until the job server answers anything at all, and has an agent to hand jobs to."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if requests.get(f"http://127.0.0.1:{port}/api/version", timeout=5).status_code:
                return
        except requests.ConnectionError:
            time.sleep(0.3)
    raise AssertionError((folder / "output").read_text())
