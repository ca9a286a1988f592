"""What it costs to show a study in MLflow, and how long one waits for it: 1,000 trials of 20 epochs.

    python benchmarks/bench_tracking.py [--trials 1000] [--epochs 20] [--images 1294] [--side 8]

Shipping: processor seconds of the projection as it runs beside a search, a pass after every ten trials, into SQLite; and of
one pass over everything, as `convoy sync` after MLflow was emptied. They are set against the processor seconds that the
training of as many trials takes, by the mean of an epoch of a few configurations as the default space draws them: on as many
images of the size of the digits, which is the cheapest search there is.
Looking: the ten best trials through MLflow's server, and the pages that `convoy ui` names in headless Chromium, if there is one,
from the address to the rows.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from scratch_project import REPOSITORY, machine

from pipeline.data.images.decoding import Decoding
from pipeline.data.preparation.packed import Packed
from pipeline.data.preparation.recipe import Recipe
from pipeline.data.preparation.steps import Resize
from pipeline.errors import DoesNotFit
from pipeline.models.layers import layer_table
from pipeline.search.spaces.space import load
from pipeline.study.records import StudySnapshot, TrialRecord
from pipeline.tracking import pages, server
from pipeline.tracking.connection import connect
from pipeline.tracking.project import Shown, project
from pipeline.training.fit import Training
from pipeline.training.hyperparameters import Value
from pipeline.training.metrics import EpochMetrics

sys.path.insert(0, str(REPOSITORY))  # tests/browser.py

_TRIALS_A_PASS = 10
_SPACE = load(REPOSITORY / "search_spaces/cnn.yaml")
_CLASSES = 10
_EXPERIMENT = "convoy"
_ROUNDS = 7
_DRAWN = 12  # configurations trained for an epoch


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--images", type=int, default=1294, help="for training, and a fifth of them for validation")
    parser.add_argument("--side", type=int, default=8, help="pixels")
    options = parser.parse_args()
    print(machine())
    study = _study(options.trials, options.epochs)
    training = options.trials * options.epochs * _epoch_seconds(options.images, options.side)
    print(f"training of such a search: {training:.0f} processor seconds")
    with tempfile.TemporaryDirectory() as folder:
        stores = [f"sqlite:///{Path(folder) / name}.db" for name in ("beside", "at_once")]
        connect(stores[0]).search_experiments()  # the schema, which no search makes twice
        shutil.copy(stores[0].removeprefix("sqlite:///"), stores[1].removeprefix("sqlite:///"))
        beside = _processor_seconds(lambda: _beside_a_search(study, stores[0]))
        print(f"beside the search: {beside:.1f} processor seconds, {beside / training:.1%} of the training")
        at_once = _processor_seconds(lambda: project(study, stores[1], _EXPERIMENT))
        print(f"all in one pass: {at_once:.1f} processor seconds, {at_once / training:.1%}")
        nothing = _processor_seconds(lambda: project(study, stores[1], _EXPERIMENT))
        print(f"a pass over what is there already: {nothing:.1f} processor seconds")
        _look(stores[0], Path(folder))


def _beside_a_search(study: StudySnapshot, uri: str) -> None:
    shown = Shown()
    for ended in range(_TRIALS_A_PASS, len(study.trials) + 1, _TRIALS_A_PASS):
        project(replace(study, trials=study.trials[:ended], finished=ended == len(study.trials)), uri, _EXPERIMENT, shown)


def _look(store: str, folder: Path) -> None:
    with server.serving(store, folder, server.free_port(0)) as (address, _):
        client = connect(address)
        found = client.get_experiment_by_name(_EXPERIMENT)
        assert found is not None

        def ten_best() -> None:
            best = client.search_runs([found.experiment_id], order_by=["metrics.val_accuracy DESC"], max_results=10)
            assert len(best) == 10

        print(f"ten best: {_seconds([_taken(ten_best) for _ in range(_ROUNDS)])}")
        for name, path in pages.find(address, _EXPERIMENT, None).items():
            print(f"page, {name}: {_seconds(list(_opened(f'{address}{path}')))}", flush=True)


def _opened(address: str) -> Iterator[float]:
    """Seconds until the first row is there, in a browser that has been there before but for the first time."""
    from tests.browser import opened

    with opened() as (page, _):
        for _ in range(_ROUNDS):
            page.goto("about:blank")
            began = time.monotonic()
            page.goto(address, wait_until="commit")
            page.locator(".ag-row").first.wait_for(state="attached")
            yield time.monotonic() - began


def _epoch_seconds(images: int, side: int) -> float:
    """Processor seconds of an epoch of the default space, validation included, on one thread."""
    torch.set_num_threads(1)
    counts = {"train": images, "val": images // 5}
    recipe = Recipe(
        source="noise", kind="unknown", classes=tuple(map(str, range(_CLASSES))), decode=Decoding(), channels=1, image_size=side,
        steps=(Resize(fit="stretch"),), mean=(0.5,), std=(0.25,), class_weights=None, counts=counts,
        digests=dict.fromkeys(counts, ""),
    )  # fmt: skip
    train, val = (_noise(count, recipe) for count in counts.values())
    drawn = ({**point, "train.epochs": 1} for point in _SPACE.draws(10 * _DRAWN))
    points = list(islice((point for point in drawn if _fits(point, recipe)), _DRAWN))

    def train_all() -> None:
        for point in points:
            list(Training(_SPACE.parse(point), recipe, seed=0).fit(train, val))

    return _processor_seconds(train_all) / _DRAWN


def _fits(point: Mapping[str, Value], recipe: Recipe) -> bool:
    try:
        layer_table(_SPACE.parse(point).layers(_CLASSES), recipe.shape)
    except DoesNotFit:
        return False
    return True


def _noise(count: int, recipe: Recipe) -> Packed:
    drawn = np.random.default_rng(0)
    images = drawn.integers(0, 256, (count, *recipe.shape), dtype=np.uint8)
    return Packed(images, drawn.integers(0, _CLASSES, count), [""] * count)


def _processor_seconds(act: Callable[[], object]) -> float:
    """Of this process, all its threads."""
    began = time.process_time()
    act()
    return time.process_time() - began


def _taken(act: Callable[[], object]) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began


def _seconds(measured: Sequence[float]) -> str:
    """Median and range."""
    return f"{statistics.median(measured):.2f} s (n = {len(measured)}, {min(measured):.2f}–{max(measured):.2f})"


def _study(trials: int, epochs: int) -> StudySnapshot:
    """Trials as the default space draws them, all of which train their whole plan."""
    draws = _SPACE.draws(trials)
    return StudySnapshot(
        study_id="0123456789abcdef",
        created_at=1.7e9,
        metric="val_accuracy",
        identity={"data": "d" * 64, "space": "e" * 64},
        facts={"commit": "f" * 40, "searched": "search_spaces/cnn.yaml"},
        trials=tuple(_trial(number, dict(draws[number]), epochs) for number in range(trials)),
        finished=False,
    )


def _trial(number: int, hyperparameters: dict[str, int | float | str | bool], epochs: int) -> TrialRecord:
    drawn = np.random.default_rng(number)
    measured = drawn.random((epochs, 4)).tolist()
    curve = tuple(EpochMetrics(e, 1 / e, 1 / e, a, p, r, f, 0.2) for e, (a, p, r, f) in enumerate(measured, 1))
    began = 1.7e9 + number
    return TrialRecord(
        key=f"01234567-{number:04d}",
        number=number,
        state="completed",
        hyperparameters={**hyperparameters, "train.epochs": epochs},
        seed=number,
        value=curve[-1].val_accuracy,
        reason="",
        started_at=began,
        ended_at=began + epochs,
        epochs=curve,
        committed_at=tuple(began + one.epoch for one in curve),
    )


if __name__ == "__main__":
    main()
