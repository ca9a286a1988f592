"""How much of a front is found at equal cost: Convoy's samplers and stopping with several objectives, and without.

    python benchmarks/bench_objectives.py [--seeds 8] [--epochs 2700]

Convoy's own conductor, study, samplers and rules, on made-up networks whose parameters span five powers of ten: larger ones reach
more and learn a little slower. One worker; what is spent are epochs. An arm's score is the area that its finished trials cover in
accuracy over the decimal logarithm of parameters, from accuracy 0 and 10^8 parameters on (the hypervolume): the mean over the
seeds with its standard error. Nobody has first points.
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np
from quality_arms import ROW, MemoryStudy
from scratch_project import machine

from pipeline.search.conductor import Conductor
from pipeline.search.execution.messages import Message
from pipeline.search.samplers import history, parzen
from pipeline.search.settings import SearchParams
from pipeline.search.spaces.domains import Choices, Domain, Fixed, FloatRange, IntRange
from pipeline.search.spaces.space import Space
from pipeline.study.records import TrialRecord
from pipeline.training.hyperparameters import Value
from pipeline.training.metrics import EpochMetrics

_EPOCHS, _LARGEST = 27, 8.0  # of a plan; the decimal logarithm of more parameters than any network has
_DOMAINS: dict[str, Domain] = {
    "train.epochs": Fixed(value=_EPOCHS),
    "filters": IntRange(type="int", low=4, high=128, log=True),
    "layers": IntRange(type="int", low=1, high=5),
    "rate": FloatRange(type="float", low=1e-4, high=1e-1, log=True),
    "dropout": FloatRange(type="float", low=0.0, high=0.5),
    "kernel": Choices.of((3, 5)),
    "normalized": Choices.of((False, True)),
}


@dataclass(frozen=True)
class Arm:
    """A way to search: `params` of a search section; `patched`: a module's function, and what takes its place."""

    name: str
    params: Mapping[str, Any] = field(default_factory=dict)
    several: bool = True
    patched: tuple[ModuleType, str, Any] | None = None


ARMS = (
    Arm("random", {"sampler": "random", "stopping": "none"}),
    Arm("random, asha", {"sampler": "random"}),
    Arm("nsga2", {"sampler": "nsga2", "stopping": "none"}),
    Arm("nsga2, asha", {"sampler": "nsga2"}),
    Arm("tpe", {"stopping": "none"}),
    Arm("tpe, median", {"stopping": "median"}),
    Arm("tpe, asha", {}),
    Arm("tpe of the costs themselves, asha", patched=(history, "_with_logarithms", lambda trial: trial)),
    Arm("tpe of joint draws, asha", patched=(parzen, "jointly", lambda study: True)),
    Arm("tpe, asha, for the metric alone", several=False),
)


def main() -> None:
    """Search and print a row an arm, as each is done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=2700)
    options = parser.parse_args()
    print(machine())
    print(f"{'arm':36s}  area             finished  stopped  on the front")
    for arm in ARMS:
        found = [search(arm, seed, options.epochs) for seed in range(options.seeds)]
        print(f"{arm.name:36s}  {_row(found)}", flush=True)


def _row(found: list[list[TrialRecord]]) -> str:
    """Of the searches of one arm."""
    areas = [area(trials) for trials in found]
    error = statistics.stdev(areas) / math.sqrt(len(areas)) if len(areas) > 1 else math.nan
    finished, stopped = (_mean_count(found, *states) for states in (["completed"], ["pruned", "paused"]))
    front = statistics.fmean(len(_corners(trials)) for trials in found)
    return f"{statistics.fmean(areas):.3f} ± {error:.3f}   {finished:7.0f}  {stopped:7.0f}  {front:12.0f}"


def search(arm: Arm, seed: int, epochs: int) -> list[TrialRecord]:
    """The trials of one search that spends so many epochs, with the parameters of each."""
    if arm.patched is None:
        return _search(arm, seed, epochs)
    module, name, function = arm.patched
    with mock.patch.object(module, name, function):
        return _search(arm, seed, epochs)


def _search(arm: Arm, seed: int, epochs: int) -> list[TrialRecord]:
    study = MemoryStudy(replace(ROW, identity={"objectives": "parameters"}) if arm.several else ROW)
    space = Space(Path("simulated"), ("cnn",), 1, _DOMAINS, (), {})
    params = SearchParams.model_validate({"seed": seed, "trials": 10**6, "audit_share": 0.0, **arm.params})
    noise = np.random.default_rng(seed)
    conductor = Conductor(study, space, params, fits=lambda values: None, costs=_costs if arm.several else lambda values: {})
    ended: dict[str, TrialRecord] = {}
    while epochs > 0 and (trial := conductor.next()) is not None:
        for epoch in range(len(trial.epochs) + 1, _EPOCHS + 1):
            epochs -= 1
            accuracy = _accuracy(trial.hyperparameters, epoch) + float(noise.normal(0, 0.003))
            if conductor.heard(Message(trial.key, [EpochMetrics(epoch, 1.0, 1.0, accuracy, accuracy, accuracy, accuracy, 1.0)])):
                break
        ended[trial.key] = trial
    return [replace(one, costs=_costs(one.hyperparameters)) for one in study.snapshot().trials if one.key in ended]


def area(trials: list[TrialRecord]) -> float:
    """Of accuracy over the logarithm of parameters, below what the finished trials reach."""
    corners = [*_corners(trials), (_LARGEST, 0.0)]
    return sum(value * (corners[index + 1][0] - size) for index, (size, value) in enumerate(corners[:-1]))


def _corners(trials: list[TrialRecord]) -> list[tuple[float, float]]:
    """Logarithm of parameters and accuracy of the trials on the front, the smallest first."""
    found: list[tuple[float, float]] = []
    points = [(math.log10(trial.costs["parameters"]), -trial.value) for trial in trials if trial.value is not None]
    for size, loss in sorted(points):
        if not found or -loss > found[-1][1]:
            found.append((size, -loss))
    return found


def _costs(values: Mapping[str, Value]) -> dict[str, float]:
    filters, layers, kernel = (int(values[name]) for name in ("filters", "layers", "kernel"))
    weights = sum((filters * 2 ** min(layer, 3)) ** 2 * kernel**2 for layer in range(layers))
    return {"parameters": float(weights + 10 * filters)}


def _accuracy(values: Mapping[str, Value], epoch: int) -> float:
    """After this epoch; the larger the network the higher it comes, and the slower."""
    size = math.log10(_costs(values)["parameters"])
    misfit = 0.08 * (math.log10(float(values["rate"])) + 2.2) ** 2 + 0.1 * (float(values["dropout"]) - 0.1) ** 2
    height = 0.995 - 0.9 * math.exp(-0.5 * (size - 1.5)) - misfit - (0.0 if values["normalized"] else 0.03)
    return max(0.1, height * (1 - math.exp(-epoch / (1.5 + 0.5 * size))))


def _mean_count(found: list[list[TrialRecord]], *states: str) -> float:
    return statistics.fmean(sum(trial.state in states for trial in trials) for trials in found)


if __name__ == "__main__":
    main()
