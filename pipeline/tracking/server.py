"""MLflow's own server on this machine alone, for as long as somebody looks at it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from pipeline.data.progress import waiting
from pipeline.errors import TrackingUnreachable

LOOPBACK = "127.0.0.1"
_START_SECONDS = 120.0  # it imports much, and brings the schema of an older store up to date
_STOP_SECONDS = 10.0
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # on by default: jobs that the server would run
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",  # on by default
    "MLFLOW_ENABLE_REMOTE_ASSISTANT": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}
_LOOSENING = ("MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE", "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS", "MLFLOW_SERVER_ALLOWED_HOSTS")


def free_port(wanted: int) -> int:
    """This port of the loopback address, or any other one when somebody else listens there; 0: any."""
    for port in (wanted, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((LOOPBACK, port))
            return int(probe.getsockname()[1])
    raise TrackingUnreachable("MLflow's server", why="no port of 127.0.0.1 is free", remedy="end another server")


@contextlib.contextmanager
def serving(store: str, folder: Path, port: int) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The address of a server on this store, ready to answer, and its process; it ends with the block.

    It listens on loopback, answers to that name alone, allows pages of no other origin, has one worker and runs no jobs.
    `folder` gets its log; raises TrackingUnreachable with the last line of it when the server does not start.
    """
    log = folder / "mlflow-server.log"
    folder.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            _command(store, folder, port), env=_environment(), stdout=output, stderr=output, start_new_session=True
        )
    try:
        address = f"http://{LOOPBACK}:{port}"
        with waiting("starting MLflow's server"):
            _wait(process, address, log)
        yield address, process
    finally:
        _end(process)


def _command(store: str, folder: Path, port: int) -> list[str]:
    return [
        *(sys.executable, "-m", "mlflow", "server", "--workers", "1"),
        *("--backend-store-uri", store, "--artifacts-destination", str(folder / "mlflow-artifacts")),
        *("--host", LOOPBACK, "--port", str(port), "--allowed-hosts", f"{LOOPBACK}:{port},localhost:{port}"),
    ]


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _LOOSENING} | _ENVIRONMENT


def _wait(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not _answers(address):
        if process.poll() is not None or time.monotonic() > deadline:
            last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
            raise TrackingUnreachable("MLflow's server", where=address, why=last[0], remedy=f"read {log}")
        time.sleep(0.1)


def _answers(address: str) -> bool:
    try:
        urllib.request.urlopen(f"{address}/health", timeout=5).close()  # noqa: S310  # loopback
    except OSError:
        return False
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    """With everything that it started, which is a group of its own: Ctrl-C in the terminal reaches us alone."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
            return
