"""All of tracking through a real MLflow server, which may go away and come back."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from pipeline.errors import TrackingUnreachable
from pipeline.tracking.finished import read_finished
from pipeline.tracking.follow import follow
from pipeline.tracking.project import project as project_study
from pipeline.tracking.pull import pull
from pipeline.tracking.reference import Reference
from pipeline.tracking.registry import register
from tests.tracking.studies import Runs, study, trial


@pytest.mark.slow
def test_a_server_shows_the_study_and_hands_the_model_out(project: Path, mlflow_uri: str, tmp_path: Path) -> None:
    server = Server(mlflow_uri, tmp_path)
    server.start()
    try:
        snapshot = study(trial(0), trial(1, "pruned", 1), finished=True)
        assert project_study(snapshot, server.uri, "convoy").created == 3
        assert project_study(snapshot, server.uri, "convoy").updated == 0
        model = read_finished(Path("model"), Path("results/evaluation"))
        assert register(model, "convoy-bands", server.uri, "convoy") == register(model, "convoy-bands", server.uri, "convoy")
        assert pull(server.uri, Reference(), tmp_path / "champion").version == "1"
    finally:
        server.kill()


@pytest.mark.slow
def test_a_server_killed_and_started_again_catches_up(mlflow_uri: str, tmp_path: Path) -> None:
    server = Server(mlflow_uri, tmp_path)
    server.start()
    now = [study(trial(0, "running", epochs=1))]
    follower = follow(lambda: now[0], server.uri, "convoy", pause_seconds=0.05)
    try:
        time.sleep(3)
        server.kill()
        now[0] = study(trial(0), trial(1), finished=True)
        with pytest.raises(TrackingUnreachable):
            project_study(now[0], server.uri, "convoy")
        server.start()
        followed = follower.stop()
    finally:
        server.kill()

    assert followed.problem is None
    runs = Runs(mlflow_uri)
    assert len(runs.all()) == 3 and {run.info.status for run in runs.all()} == {"FINISHED"}
    assert [step for step, _, _ in runs.history(runs.by_key()["abcdef01-0000"], "val_loss")] == [1, 2, 3]


class Server:
    """`mlflow server` on a free loopback port, in a process group of its own."""

    def __init__(self, store: str, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.uri = f"http://127.0.0.1:{self.port}"
        self.folder = folder
        self.command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", store, "--workers", "1"]
        self.command += ["--artifacts-destination", str(folder / "served"), "--host", "127.0.0.1", "--port", str(self.port)]

    def start(self) -> None:
        environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command, cwd=self.folder, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + 120
        while not self._answers():
            assert self.process.poll() is None and time.monotonic() < deadline, (self.folder / "server.log").read_text()
            time.sleep(0.2)

    def kill(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.uri}/health", timeout=5).close()
        except OSError:
            return False
        return True
