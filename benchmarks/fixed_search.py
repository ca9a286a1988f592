"""The same fixed configurations, data and epochs through Convoy and through what others use: the arms of bench_search.py."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scratch_project import REPOSITORY, Cost, measured, run_stage, scratch_project, yaml

PEERS = REPOSITORY / "benchmarks/.peers"  # an environment of its own for peers that Convoy does not depend on
PEERS_NEED = ("torch>=2.13,<2.14", "keras>=3.10,<4", "keras-tuner>=1.4.8,<2", "six", "syne-tune>=0.16,<0.17")
FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")  # Debian's package dataset-fashion-mnist
CLASSES, SIDE = 10, 28

Configuration = dict[str, Any]

# 16 epochs in all; networks of 32, 64, 128, … filters of 3×3, each with ReLU and 2×2 max pooling, dense layers of 128 units.
CONFIGURATIONS: list[Configuration] = [
    {"conv": 2, "dense": 1, "batch": 64, "epochs": 2, "rate": 0.001},
    {"conv": 1, "dense": 1, "batch": 32, "epochs": 1, "rate": 0.001},
    {"conv": 3, "dense": 2, "batch": 128, "epochs": 2, "rate": 0.002},
    {"conv": 4, "dense": 1, "batch": 64, "epochs": 1, "rate": 0.0005},
    {"conv": 2, "dense": 2, "batch": 256, "epochs": 3, "rate": 0.003},
    {"conv": 1, "dense": 3, "batch": 128, "epochs": 1, "rate": 0.001},
    {"conv": 3, "dense": 1, "batch": 32, "epochs": 1, "rate": 0.0005},
    {"conv": 4, "dense": 3, "batch": 256, "epochs": 1, "rate": 0.002},
    {"conv": 2, "dense": 3, "batch": 128, "epochs": 3, "rate": 0.002},
    {"conv": 1, "dense": 2, "batch": 64, "epochs": 1, "rate": 0.003},
]

_NAMES = {
    "conv": "model.num_conv_layers",
    "dense": "model.num_dense_layers",
    "batch": "train.batch_size",
    "epochs": "train.epochs",
    "rate": "train.learning_rate",
}
_NETWORK: dict[str, Any] = {
    "model.filters": 32,
    "model.filters_growth": 2.0,
    "model.kernel_size": 3,
    "model.pooling": "max",
    "model.activation": "relu",
    "model.dense_units": 128,
    "train.optimizer": "adam",
}


@dataclass(frozen=True)
class Arm:
    """A way to search: its script in search_peers and whether it needs the peers' environment; Convoy has no script."""

    title: str
    script: str = ""
    own_environment: bool = False

    @property
    def missing(self) -> bool:
        """Whether the environment it needs has not been made."""
        return self.own_environment and not (PEERS / "bin/python").exists()


ARMS = {
    "plain": Arm("Ray Tune + OptunaSearch + ASHA + MLflow", "plain_stack.py"),
    "optuna": Arm("Optuna alone, two processes", "optuna_alone.py"),
    "kerastuner": Arm("KerasTuner, torch backend", "keras_tuner_search.py", own_environment=True),
    "synetune": Arm("Syne Tune, local backend", "syne_tune_search.py", own_environment=True),
    "convoy": Arm("Convoy"),
}


@dataclass(frozen=True)
class Found:
    """What one search cost, the epochs it really trained and its best validation accuracy.

    around_seconds: wall time before the first epoch began and after the last one ended; of Convoy alone.
    """

    cost: Cost
    epochs: int
    best: float
    around_seconds: float | None = None


@dataclass(frozen=True)
class Prepared:
    """A project whose data are packed, and the folder with the same data as arrays for the peers."""

    project: Path
    arrays: Path

    def run(self, arm: Arm, seed: int) -> Found:
        """One search from nothing but prepared data and an MLflow database without runs."""
        return self._convoy(seed) if not arm.script else self._peer(arm, seed)

    def forget(self, seed: int) -> None:
        """Let the next search of Convoy begin from nothing, with this seed."""
        for folder in ("state", "results"):
            shutil.rmtree(self.project / folder, ignore_errors=True)
        _empty_mlflow(self.arrays, self.project)
        params = yaml().load(self.project / "params.yaml")
        params["search"]["seed"] = seed
        yaml().dump(params, self.project / "params.yaml")

    def _convoy(self, seed: int) -> Found:
        self.forget(seed)
        cost = run_stage("search", self.project)
        curves = pd.read_csv(self.project / "results/search/curves.csv")
        return Found(cost, len(curves), float(curves["val_accuracy"].max()), cost.seconds - _loop_seconds(self.project))

    def _peer(self, arm: Arm, seed: int) -> Found:
        python = PEERS / "bin/python" if arm.own_environment else Path(sys.executable)
        with _fresh(self.arrays) as folder:
            _empty_mlflow(self.arrays, folder)
            cost = measured(
                [str(python), str(Path(__file__).parent / "search_peers" / arm.script), str(folder), str(seed)], folder
            )
            accuracies = [float(line) for line in (folder / "epochs.txt").read_text().split()]
        return Found(cost, len(accuracies), max(accuracies))


def hyperparameters(fixed: Configuration) -> dict[str, Any]:
    """A configuration by the names that Convoy uses."""
    return {**_NETWORK, **{_NAMES[key]: value for key, value in fixed.items()}}


def install_peers() -> None:
    """Make the environment of the peers: minutes, once."""
    subprocess.run([sys.executable, "-m", "venv", str(PEERS)], check=True)
    subprocess.run([str(PEERS / "bin/python"), "-m", "pip", "install", "--quiet", *PEERS_NEED], check=True)


@contextlib.contextmanager
def prepared(images: int, fixed: list[Configuration], repeats: int = 1) -> Iterator[Prepared]:
    """`images` train and a quarter as many val images of Fashion-MNIST, packed; each configuration `repeats` times as long."""
    longer = [{**each, "epochs": repeats * each["epochs"]} for each in fixed]
    changes: dict[str, dict[str, object]] = {
        "ingest": {"source": "arrays", "path": "raw", "kind": "glyphs", "on_contradiction": "keep"},
        "split": {"near_duplicates": "off"},
        "preprocess": {"image_size": SIDE},
        "search": {
            "space": "search_spaces/fixed.yaml",
            "trials": len(fixed),
            "stopping": "none",
            "tracking_uri": None,
            "reselect": {"candidates": 1},
        },
    }
    with scratch_project(changes) as project:
        _write_source(project / "raw", images)
        yaml().dump(_space(longer), project / "search_spaces/fixed.yaml")
        for stage in ("ingest", "split", "preprocess"):
            run_stage(stage, project)
        arrays = project / "arrays"
        arrays.mkdir()
        (arrays / "configurations.json").write_text(json.dumps(longer))
        for split in ("train", "val"):
            shutil.copy(project / "data/processed" / split / "images-00000.npy", arrays / f"{split}_images.npy")
            shutil.copy(project / "data/processed" / split / "labels.npy", arrays / f"{split}_labels.npy")
        _migrate_mlflow(arrays)
        yield Prepared(project, arrays)


def _loop_seconds(project: Path) -> float:
    """From the beginning of the first epoch to the end of the last."""
    with contextlib.closing(sqlite3.connect(project / "state/studies.db")) as database:
        epochs = database.execute("select committed_at - seconds, committed_at from convoy_epochs").fetchall()
    return float(max(end for _, end in epochs) - min(begin for begin, _ in epochs))


def _space(fixed: list[Configuration]) -> dict[str, Any]:
    """A search space whose first points are the fixed configurations."""
    searched = {_NAMES[key]: {"type": "categorical", "choices": sorted({each[key] for each in fixed})} for key in _NAMES}
    points = [{_NAMES[key]: value for key, value in each.items()} for each in fixed]
    return {"family": "cnn", "smallest_image": 16, "hyperparameters": {**searched, **_NETWORK}, "first_points": points}


def _write_source(folder: Path, images: int) -> None:
    folder.mkdir()
    pixels, labels = _idx("train-images-idx3-ubyte"), _idx("train-labels-idx1-ubyte")
    bounds = {"train": (0, images), "val": (images, images + images // 4), "test": (images + images // 4, images + images // 2)}
    for split, (start, end) in bounds.items():
        np.save(folder / f"{split}_images.npy", pixels[start:end])
        np.save(folder / f"{split}_labels.npy", labels[start:end].astype(np.int64))


def _idx(name: str) -> npt.NDArray[np.uint8]:
    file = FASHION_MNIST / f"{name}.gz"
    if not file.exists():
        sys.exit(f"{file} is missing: install Debian's package dataset-fashion-mnist")
    content = gzip.decompress(file.read_bytes())
    shape = [int.from_bytes(content[4 + 4 * axis : 8 + 4 * axis]) for axis in range(content[3])]
    return np.frombuffer(content, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)


def _migrate_mlflow(folder: Path) -> None:
    """An MLflow database without runs: its tables are made once in the life of a project, so no arm is charged for them."""
    make = "import sys; from mlflow import MlflowClient; MlflowClient(sys.argv[1]).search_experiments()"
    subprocess.run(
        [sys.executable, "-c", make, f"sqlite:///{folder}/mlflow.db"], check=True, capture_output=True, env=dict(os.environ)
    )


def _empty_mlflow(source: Path, target: Path) -> None:
    for leftover in target.glob("mlflow.db-*"):
        leftover.unlink()
    shutil.rmtree(target / "mlruns", ignore_errors=True)
    shutil.copy(source / "mlflow.db", target / "mlflow.db")


@contextlib.contextmanager
def _fresh(arrays: Path) -> Iterator[Path]:
    """A folder with the data and configurations alone, deleted afterwards."""
    folder = arrays.with_name("peer")
    folder.mkdir()
    try:
        for file in (*arrays.glob("*.npy"), arrays / "configurations.json"):
            os.link(file, folder / file.name)
        yield folder
    finally:
        shutil.rmtree(folder)
