"""What a budget of wall-clock finds on real images: Convoy's defaults, the plain stack on its space, and AutoKeras' defaults.

    python benchmarks/bench_models.py DATA [--sets fashion-mnist cifar10 …] [--arms convoy plain autokeras] [--minutes 20]

DATA is a folder with the unpacked image folders cifar10, flowers5, trashnet and pneumonia28; Fashion-MNIST is Debian's package
dataset-fashion-mnist. The images are ingested, split and prepared once a set by Convoy's stages; every arm reads the same arrays
and searches for the same wall-clock, its start included, on all cores that it may use (`taskset -c 0 python …` for one). Convoy
does not train its best again before it chooses, since that comes on top of its budget. Winners of Convoy and of the plain stack
are trained on train and val and measured by the same code; AutoKeras predicts with the best model that it has. The interval is
Wilson's, 95 %.

plain: Ray Tune, OptunaSearch, ASHA and MLflowLoggerCallback as their documentation shows them, with Convoy's space, its first
points and its training loop, so that only the search differs. autokeras: ImageClassifier as it comes, on the torch backend, in
an environment of its own: python -m venv benchmarks/.peers && benchmarks/.peers/bin/pip install autokeras "torch<2.14"
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest
from scratch_project import REPOSITORY, machine, measured, run_stage, scratch_project
from small_sets import folder

from pipeline import layout, sealed

SETS = ("fashion-mnist", "cifar10", "flowers5", "trashnet", "pneumonia28")
KINDS = {"pneumonia28": "unknown"}  # the others are photos
PEERS = REPOSITORY / "benchmarks/.peers/bin/python"
SCRIPTS = Path(__file__).parent / "model_peers"
_AT_A_TIME = 256  # test images


@dataclass(frozen=True)
class Found:
    """What an arm came to: test accuracy with its interval, seconds of the search, trials begun and epochs trained in it."""

    accuracy: float
    low: float
    high: float
    seconds: float
    trials: int
    epochs: int


def main() -> None:
    """Search and print one line an arm."""
    parser = argparse.ArgumentParser(description="What a budget of wall-clock finds on real images.")
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--minutes", type=float, default=20.0, help="of each search")
    parser.add_argument("--space", default="search_spaces/cnn.yaml", help="of Convoy and of the plain stack")
    parser.add_argument("--seed", type=int, default=0, help="of split, search and refit")
    options = parser.parse_args()
    print(f"{machine()}; {options.minutes:g} minutes a search, {options.space}, seed {options.seed}")
    print("| Set | Arm | Test accuracy (95 %) | Seconds | Trials | Epochs |\n|---|---|---|---|---|---|")
    for name in options.sets:
        changes = _params(name, options.data, options.minutes, options.seed, options.space)
        with scratch_project(changes) as project:
            for stage in ("ingest", "split", "preprocess"):
                run_stage(stage, project)
            for arm in options.arms:
                print(_row(name, arm, _run(arm, project, options.minutes, options.seed)), flush=True)


def _params(name: str, data: Path, minutes: float, seed: int, space: str) -> dict[str, dict[str, Any]]:
    source = {"source": name} if name == "fashion-mnist" else {"source": "folder", "path": folder(data.absolute(), name)}
    return {
        "ingest": {**source, "kind": KINDS.get(name, "photos"), "on_bad_image": "skip"},
        "split": {"seed": seed},
        "search": {
            "seed": seed,
            "space": space,
            "trials": None,
            "time_limit_minutes": minutes,
            "tracking_uri": None,
            "reselect": {"candidates": 1},
        },
        "refit": {"seed": seed},
    }


def _run(arm: str, project: Path, minutes: float, seed: int) -> Found | None:
    """The arm in a copy of the prepared project, so that no arm sees what another left; None when it is not installed."""
    copy = project.with_name(f"{project.name}-{arm}")
    shutil.copytree(project, copy)
    try:
        return ARMS[arm](copy, minutes, seed)
    finally:
        shutil.rmtree(copy)


def _convoy(project: Path, _minutes: float, _seed: int) -> Found:
    seconds = run_stage("search", project).seconds
    trials = pd.read_csv(project / "results/search/leaderboard.csv")
    return _refitted(project, seconds, len(trials), int(trials["epochs"].sum()))


def _plain(project: Path, minutes: float, seed: int) -> Found:
    command = [sys.executable, str(SCRIPTS / "plain_stack.py"), str(minutes), str(seed)]
    seconds = measured(command, project).seconds
    told = json.loads((project / "told.json").read_text())
    return _refitted(project, seconds, told["trials"], told["epochs"])


def _autokeras(project: Path, minutes: float, seed: int) -> Found | None:
    if not PEERS.exists():
        return None
    for split in ("train", "val"):
        np.savez(project / f"{split}.npz", images=_images(project, split), labels=_labels(project, split))
    np.savez(project / "test.npz", images=_images(project, "test"))
    labels = _labels(project, "test")
    shutil.rmtree(project / "data")  # the test labels are for us alone
    command = [str(PEERS), str(SCRIPTS / "autokeras_search.py"), str(minutes), str(seed)]
    seconds = measured(command, project).seconds
    told = json.loads((project / "told.json").read_text())
    hits = int((np.load(project / "predictions.npy") == labels).sum())
    interval = binomtest(hits, len(labels)).proportion_ci(0.95, method="wilson")
    return Found(hits / len(labels), interval.low, interval.high, seconds, told["trials"], told["epochs"])


def _refitted(project: Path, seconds: float, trials: int, epochs: int) -> Found:
    """The winner in results/search/best.yaml, trained on train and val by refit and measured on test as evaluate does it."""
    run_stage("refit", project)
    with contextlib.chdir(project):
        test = sealed.measure_another(layout.MODEL, _AT_A_TIME).metrics(0.95)
    interval = test["test_accuracy_low"], test["test_accuracy_high"]
    return Found(test["test_accuracy"], *interval, seconds, trials, epochs)


def _images(project: Path, split: str) -> np.ndarray:
    """uint8 N×C×S×S of a packed split."""
    return np.concatenate([np.load(file) for file in sorted((project / "data/processed" / split).glob("images-*.npy"))])


def _labels(project: Path, split: str) -> np.ndarray:
    """int64 N of a packed split."""
    labels: np.ndarray = np.load(project / "data/processed" / split / "labels.npy")
    return labels


def _row(name: str, arm: str, found: Found | None) -> str:
    if found is None:
        return f"| {name} | {arm} | skipped: {PEERS} is not there, the head of this file says how to make it | | | |"
    accuracy = f"{found.accuracy:.4f} ({found.low:.4f}–{found.high:.4f})"
    return f"| {name} | {arm} | {accuracy} | {found.seconds:.0f} | {found.trials} | {found.epochs} |"


ARMS: dict[str, Callable[[Path, float, int], Found | None]] = {"convoy": _convoy, "plain": _plain, "autokeras": _autokeras}

if __name__ == "__main__":
    main()
