"""A sampler leaves a region whose trials never get anywhere, in whatever way that is found out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import optuna
import pytest
from optuna.trial import TrialState

from pipeline.search.samplers import SAMPLERS, sampler

Toy = Callable[[optuna.Trial], tuple[bool, float]]

# Samplers that draw without looking at what became of earlier trials, and so fall into the region as often as it is large.
BLIND = {"random": "draws each trial by itself", "qmc": "follows a sequence that is fixed beforehand"}
# (trials, the last of them that are judged) where not 200 and 100: a Gaussian process takes up to a second a suggestion, and
# one region must do for it.
COUNTS = {"gp": (16, 6)}


def others(trial: optuna.Trial) -> float:
    """Hyperparameters that every network has and that matter a little."""
    kernel, dropout = trial.suggest_categorical("kernel", [3, 5, 7]), trial.suggest_float("dropout", 0, 0.5)
    smoothing, momentum = trial.suggest_float("smoothing", 0, 0.2), trial.suggest_float("momentum", 0.8, 1)
    return kernel / 100 - (dropout - 0.2) ** 2 - (smoothing - 0.1) ** 2 - (momentum - 0.9) ** 2


def infeasible(trial: optuna.Trial) -> tuple[bool, float]:
    """Best with 3 layers; a feature map vanishes from 5 layers on: half of the space."""
    depth = trial.suggest_int("depth", 1, 8)
    return depth < 5, others(trial) - abs(depth - 3) / 4


def diverged(trial: optuna.Trial) -> tuple[bool, float]:
    """Best at a learning rate of 0.01, NaN from 0.1 on: a quarter of the space."""
    rate = trial.suggest_float("rate", 1e-4, 1, log=True)
    return rate < 0.1, others(trial) - abs(math.log10(rate) + 2) / 5


def out_of_memory(trial: optuna.Trial) -> tuple[bool, float]:
    """Best with 64 filters and batches of 32; too much for the memory is width times batch: a quarter of the space."""
    filters, batch = trial.suggest_int("filters", 8, 512, log=True), trial.suggest_int("batch", 16, 512, log=True)
    value = others(trial) - (math.log2(filters) - 6) ** 2 / 10 - (math.log2(batch) - 5) ** 2 / 10
    return filters * batch < 2**14, value


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield
    optuna.logging.set_verbosity(before)


# What is wanted beside the value, less of it the nearer to the region: the front ends at the edge of it.
COSTS: dict[Toy, Callable[[dict[str, float]], float]] = {
    infeasible: lambda point: -point["depth"],
    diverged: lambda point: -point["rate"],
    out_of_memory: lambda point: -point["filters"] * point["batch"],
}


def falls(toy: Toy, name: str) -> float:
    """The share of the last suggestions that fell into the region, whose trials are told as the study tells them."""
    study = optuna.create_study(direction="maximize")
    trials, judged = COUNTS.get(name, (200, 100))
    fell = []
    for number in range(trials):
        study.sampler = sampler(name, 0, number)
        trial = study.ask()
        good, value = toy(trial)
        fell.append(not good)
        if good:
            study.tell(trial, value)
        else:
            trial.set_constraint(toy.__name__, 1.0)
            study.tell(trial, state=TrialState.PRUNED)
    return sum(fell[-judged:]) / judged


TOYS: list[Toy] = [infeasible, diverged, out_of_memory]
LEARNING = [(name, toy) for name in SAMPLERS if name not in BLIND for toy in (TOYS[:1] if name in COUNTS else TOYS)]


@pytest.mark.parametrize(("name", "toy"), LEARNING)
def test_a_sampler_that_learns_leaves_a_region_told_pruned_with_a_constraint(name: str, toy: Toy) -> None:
    assert falls(toy, name) < 0.15


def falls_with_a_cost(toy: Toy, name: str) -> float:
    """As falls, of a study of two objectives in which two of three good trials are stopped."""
    study = optuna.create_study(directions=["maximize", "minimize"])
    fell = []
    trials, judged = {"tpe": (100, 50), "nsga2": (200, 100)}[name]
    for number in range(trials):
        study.sampler = sampler(name, 0, number)
        trial = study.ask()
        good, value = toy(trial)
        fell.append(not good)
        if good and number % 3 == 0:
            study.tell(trial, [value, COSTS[toy](trial.params)])
            continue
        if good:
            study._storage.set_trial_intermediate_value(trial._trial_id, 33, value)
        else:
            trial.set_constraint(toy.__name__, 1.0)
        study.tell(trial, state=TrialState.PRUNED)
    return sum(fell[-judged:]) / judged


@pytest.mark.parametrize("toy", [infeasible, diverged])
@pytest.mark.parametrize("name", ["tpe", "nsga2"])
def test_with_several_objectives_it_leaves_the_region_too_though_the_front_leads_there(name: str, toy: Toy) -> None:
    assert falls_with_a_cost(toy, name) < 0.15


@pytest.mark.parametrize("name", [name for name in SAMPLERS if name in BLIND])
def test_a_sampler_that_does_not_look_falls_into_it_as_often_as_it_is_large(name: str) -> None:
    assert 0.3 < falls(infeasible, name) < 0.7, BLIND[name]
