"""What the simulated searches of bench_quality.py search: recorded or modelled learning curves, looked up instead of trained."""

from __future__ import annotations

import csv
import functools
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.search.spaces.domains import Domain, FloatRange, IntRange
from pipeline.training.hyperparameters import Value

Curve = tuple[float, ...]  # accuracy after each epoch, 0 to 1
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Problem:
    """One data set: what may be varied, epochs of a full training, the best accuracy known, and how a study looks curves up."""

    name: str
    domains: Mapping[str, Domain]
    epochs: int
    optimum: float
    begin: Callable[[], Callable[[Mapping[str, Value]], Curve]]  # anew for each study


def problems(folder: Path | None, part: str) -> list[Problem]:
    """Those of `part`: `curves`, `lcbench`, `final` (of lcbench, each trial one epoch long), or `synthetic`, without a folder."""
    if part == "synthetic" or folder is None:
        return [synthetic(seed) for seed in range(2)]
    if part == "curves":
        return [recorded(folder)]
    return [last_epoch(problem) if part == "final" else problem for problem in modelled(folder)]


def recorded(folder: Path) -> Problem:
    """265 convolutional networks on CIFAR-10, trained for 40 epochs each: cnn_cifar10_curves/config_*.json."""
    runs = [json.loads(path.read_text()) for path in sorted((folder / "cnn_cifar10_curves").glob("config_*.json"))]
    domains: dict[str, Domain] = {
        "batch_size": FloatRange(type="float", low=32, high=512),
        "log10_learning_rate": FloatRange(type="float", low=-6, high=0),
        **{f"log2_n_units_{layer}": FloatRange(type="float", low=4, high=10) for layer in (1, 2, 3)},
    }
    curves = 1 - np.array([run["learning_curve"] for run in runs])
    return _table("curves", domains, [run["config"] for run in runs], curves)


def synthetic(seed: int, count: int = 200, epochs: int = 27) -> Problem:
    """A made-up table of `count` curves: heights fall away from one good point, faster learning is not always better."""
    random = np.random.default_rng(seed)
    domains: dict[str, Domain] = {name: FloatRange(type="float", low=0, high=1) for name in ("rate", "width", "decay")}
    points = random.uniform(size=(count, len(domains)))
    height = 0.95 - ((points - random.uniform(0.2, 0.8, len(domains))) ** 2) @ [1.2, 0.5, 0.3]
    speed = 0.08 + 0.5 * points[:, 0]
    steps = np.arange(1, epochs + 1)
    curves = height[:, None] * (1 - np.exp(-speed[:, None] * steps)) + random.normal(0, 0.004, (count, epochs))
    return _table(f"synthetic-{seed}", domains, [dict(zip(domains, point, strict=True)) for point in points.tolist()], curves)


def modelled(folder: Path) -> list[Problem]:
    """LCBench: 34 data sets, 7 hyperparameters, curves from the surrogate yahpo/lcbench/model.onnx.

    Its epoch 1 is the network before training, so ours begin with its epoch 2; a full training ends with its epoch 50, for which
    optima_lcbench_random40k_epoch50.csv names the best of 40,000 random configurations.
    """
    with (folder / "optima_lcbench_random40k_epoch50.csv").open() as file:
        optima = {row["OpenML_task_id"]: float(row["best_val_acc"]) / 100 for row in csv.DictReader(file)}
    return [_surrogate(folder, task, optimum) for task, optimum in sorted(optima.items())]


def last_epoch(problem: Problem) -> Problem:
    """The same data set without anything to stop early: a trial measures what a full training ends with, in one epoch."""

    def begin() -> Callable[[Mapping[str, Value]], Curve]:
        look_up = problem.begin()
        return lambda values: look_up(values)[-1:]

    return replace(problem, epochs=1, begin=begin)


LCBENCH: dict[str, Domain] = {  # in the order that the surrogate takes them, after the epoch
    "batch_size": IntRange(type="int", low=16, high=512, log=True),
    "learning_rate": FloatRange(type="float", low=1e-4, high=1e-1, log=True),
    "momentum": FloatRange(type="float", low=0.1, high=0.99),
    "weight_decay": FloatRange(type="float", low=1e-5, high=0.1),
    "num_layers": IntRange(type="int", low=1, high=5),
    "max_units": IntRange(type="int", low=64, high=1024, log=True),
    "max_dropout": FloatRange(type="float", low=0.0, high=1.0),
}
_FIRST, _LAST = 2, 50  # epochs of the surrogate
_ACCURACY = 1  # column of its answer


def _surrogate(folder: Path, task: str, optimum: float) -> Problem:
    def curve(values: Mapping[str, Value]) -> Curve:
        session, codes = _session(folder)
        points = [[epoch, *(values[name] for name in LCBENCH)] for epoch in range(_FIRST, _LAST + 1)]
        task_codes = np.full((len(points), 1), codes[task], np.int32)
        answer = session.run(None, {"x_cat": task_codes, "x_cont": np.array(points, np.float32)})[0]
        return tuple((np.clip(answer[:, _ACCURACY], 0, 100) / 100).tolist())

    return Problem(f"lcbench-{task}", LCBENCH, _LAST - _FIRST + 1, optimum, lambda: curve)


@functools.cache
def _session(folder: Path) -> tuple[Any, dict[str, int]]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    model = folder / "yahpo/lcbench/model.onnx"
    codes = json.loads((folder / "yahpo/lcbench/encoding.json").read_text())["OpenML_task_id"]
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"]), codes


def _table(name: str, domains: Mapping[str, Domain], rows: list[dict[str, float]], curves: Floats) -> Problem:
    """Each suggestion trains the nearest row that its study has not trained yet, as no configuration is worth training twice."""
    table = np.array([_in_unit_cube(row, domains) for row in rows])

    def begin() -> Callable[[Mapping[str, Value]], Curve]:
        free = np.ones(len(table), dtype=bool)

        def curve(values: Mapping[str, Value]) -> Curve:
            if not free.any():
                free[:] = True
            distances = np.square(table - _in_unit_cube(values, domains)).sum(axis=1)
            row = int(np.where(free, distances, math.inf).argmin())
            free[row] = False
            return tuple(curves[row].tolist())

        return curve

    return Problem(name, domains, curves.shape[1], float(curves[:, -1].max()), begin)


def _in_unit_cube(values: Mapping[str, Any], domains: Mapping[str, Domain]) -> Floats:
    low, high = (np.array([domain.edges()[end][1] for domain in domains.values()], dtype=float) for end in (0, 1))
    scaled: Floats = (np.array([values[name] for name in domains], dtype=float) - low) / (high - low)
    return scaled
