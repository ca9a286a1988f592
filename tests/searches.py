"""A project in which preprocess has run, small but slow enough to be interrupted, and its search as a real process."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from tests import projects, repository

SPACE = """
family: cnn
smallest_image: 8
hyperparameters:
  train.epochs: {{type: int, low: {least}, high: {most}}}
  train.batch_size: 32
  train.learning_rate: {{type: float, low: 1e-4, high: 1e-1, log: true}}
  model.num_conv_layers: {{type: int, low: 1, high: 2}}
  model.filters: 8
"""


def write_project(folder: Path, migrated_mlflow: Path, *, epochs: tuple[int, int] = (2, 4), **search: Any) -> Path:
    """The files that `python -m pipeline search` reads; `search` is the section of params.yaml."""
    folder.mkdir(parents=True, exist_ok=True)
    projects.write_processed(folder)
    (folder / "dvc.yaml").write_text("stages: {}\n")
    (folder / "space.yaml").write_text(SPACE.format(least=epochs[0], most=epochs[1]))
    write_params(folder, **search)
    shutil.copy(migrated_mlflow, folder / "mlflow.db")
    return folder


def write_params(folder: Path, **search: Any) -> None:
    """params.yaml (JSON is YAML) with this search section; without a reselection unless it has one."""
    defaults = {"space": "space.yaml", "reselect": {"candidates": 1}}
    (folder / "params.yaml").write_text(json.dumps({"search": {**defaults, **search}}))


def start(folder: Path, *command: str, **environment: str) -> subprocess.Popen[str]:
    """`python -m pipeline <command>` in `folder`, its output in output.txt beside it."""
    env = repository.environment(**environment)
    env.pop("MLFLOW_TRACKING_URI", None)
    with (folder / "output.txt").open("a") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline", *(command or ("search",))],
            cwd=folder,
            env=env,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )


def start_under_a_parent(folder: Path) -> subprocess.Popen[str]:
    """A process that starts the search as DVC starts a stage; killing it leaves the search without its parent."""
    child = "import subprocess, sys; subprocess.run([sys.executable, '-m', 'pipeline', 'search'])"
    with (folder / "output.txt").open("a") as output:
        env = repository.environment(DVC_STAGE="search")
        return subprocess.Popen([sys.executable, "-c", child], cwd=folder, env=env, stdout=output, stderr=output, text=True)


def ledger(folder: Path) -> list[dict[str, Any]]:
    """trial_key, epoch and pid of every epoch a worker began, in order."""
    return [json.loads(line) for file in folder.glob("state/studies/*/ledger.jsonl") for line in file.read_text().splitlines()]


def workers(folder: Path, driver: subprocess.Popen[str]) -> list[psutil.Process]:
    """The processes of this driver that have trained an epoch."""
    trained = {entry["pid"] for entry in ledger(folder)}
    return [process for process in _descendants(driver) if process.pid in trained]


def _descendants(driver: subprocess.Popen[str]) -> Iterator[psutil.Process]:
    try:
        yield from psutil.Process(driver.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return
