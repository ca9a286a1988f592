"""The registered model needs nothing of this repository, executes no pickle, and can be served."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.tracking.connection import acting_on
from tests.projects import CLASSES, images_of

MODEL = "models:/convoy-bands@champion"
START_SECONDS = 120


def test_it_predicts_elsewhere_without_this_repository_and_without_pickle(registered: str, project: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    script = shutil.copy(Path(__file__).with_name("load_elsewhere.py"), elsewhere)
    labels = np.array([0, 1, 2, 2])
    rng = np.random.default_rng(5)
    grey = {f"side{side}": images_of(labels, rng, side) for side in (8, 21, 60)}
    batches = {"stored": np.load("data/processed/test/images-00000.npy"), **grey, "rgb": np.repeat(grey["side21"], 3, axis=1)}
    np.savez(elsewhere / "images.npz", **batches)

    command = [sys.executable, "-I", script, registered, MODEL, "images.npz", "predictions.npz"]
    done = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, timeout=120)

    assert done.returncode == 0, done.stderr
    assert "unpickled: []\nconvoy: False" in done.stdout
    found = np.load(elsewhere / "predictions.npz")
    stored = pd.read_csv("results/evaluation/predictions.csv")
    assert np.allclose(found["stored"], stored[[f"p_{name}" for name in CLASSES]], atol=1e-6)
    assert all(found[name].shape == (4, 3) and np.allclose(found[name].sum(1), 1) for name in grey)
    assert np.allclose(found["rgb"], found["side21"], atol=1e-6)


def test_a_changed_program_is_refused_when_it_is_loaded(registered: str, tmp_path: Path) -> None:
    import mlflow

    for stored in (tmp_path / "mlflow/mlruns").rglob("program.pt2"):
        stored.write_bytes(stored.read_bytes()[:-1])

    with acting_on(registered), pytest.raises(ValueError, match="sha256"):
        mlflow.pyfunc.load_model(MODEL)


@pytest.mark.slow
def test_mlflow_models_serve_answers_a_request(registered: str, tmp_path: Path) -> None:
    images = np.load("data/processed/test/images-00000.npy")[:3]
    stored = pd.read_csv("results/evaluation/predictions.csv")[:3]
    with_server = _serve(registered, tmp_path)
    port = next(with_server)
    try:
        answer = _post(f"http://127.0.0.1:{port}/invocations", {"inputs": images.tolist()})
    finally:
        with_server.close()

    rows = answer["predictions"]
    assert [row["label"] for row in rows] == list(stored.predicted)
    assert np.allclose(
        [[row[f"p_{name}"] for name in CLASSES] for row in rows], stored[[f"p_{name}" for name in CLASSES]], atol=1e-6
    )


def _serve(uri: str, folder: Path) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", MODEL, "--env-manager", "local"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    environment = os.environ | {"MLFLOW_TRACKING_URI": uri, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    with (folder / "serve.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            _wait_for(f"http://127.0.0.1:{port}/ping", server, folder / "serve.log")
            yield port
        finally:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise AssertionError(log.read_text())


def _post(address: str, body: dict[str, object]) -> dict[str, list[dict[str, object]]]:
    request = urllib.request.Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:
        answer: dict[str, list[dict[str, object]]] = json.load(response)
    return answer
