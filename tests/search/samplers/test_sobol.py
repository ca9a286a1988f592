from __future__ import annotations

from typing import Any

import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from scipy.stats import qmc

from pipeline.search.samplers.sobol import SobolSampler, value_at

# (distribution, share of it, the value there)
TABLE = [
    (CategoricalDistribution(("a", "b", "c")), 0.0, "a"),
    (CategoricalDistribution(("a", "b", "c")), 0.34, "b"),
    (CategoricalDistribution(("a", "b", "c")), 0.999, "c"),
    (IntDistribution(1, 4), 0.0, 1),
    (IntDistribution(1, 4), 0.26, 2),
    (IntDistribution(1, 4), 0.999, 4),
    (IntDistribution(8, 32, step=8), 0.5, 24),
    (IntDistribution(4, 20, log=True), 0.0, 4),
    (IntDistribution(4, 20, log=True), 0.5, 8),
    (IntDistribution(4, 20, log=True), 0.999, 20),
    (FloatDistribution(-1, 3), 0.25, 0.0),
    (FloatDistribution(1e-4, 1, log=True), 0.5, 1e-2),
    (FloatDistribution(0, 1, step=0.25), 0.0, 0.0),
    (FloatDistribution(0, 1, step=0.25), 0.999, 1.0),
    (FloatDistribution(0, 0.3, step=0.1), 0.999, 0.3),
    (FloatDistribution(0.1, 0.7, step=0.2), 0.999, 0.7),
]


@pytest.mark.parametrize(("distribution", "part", "value"), TABLE, ids=str)
def test_a_share_of_a_distribution_is_a_value_in_it(distribution: BaseDistribution, part: float, value: Any) -> None:
    found = value_at(part, distribution)
    assert found == pytest.approx(value) if isinstance(value, float) else found == value
    assert type(found) is type(value)
    assert distribution._contains(distribution.to_internal_repr(found))


def points(count: int, seed: int = 0, conditional: bool = False) -> list[list[float]]:
    study = optuna.create_study()
    drawn = []
    for number in range(count):
        study.sampler = SobolSampler(seed, number)
        trial = study.ask()
        drawn.append([trial.suggest_float(name, 0, 1) for name in ("x", "y", "z")])
        if conditional and number % 2:
            trial.suggest_float("only sometimes", 0, 1)
    return drawn


def test_it_covers_the_cube_more_evenly_than_chance() -> None:
    chance = [qmc.discrepancy(qmc.Sobol(3, rng=seed).rng.uniform(size=(64, 3))) for seed in range(5)]
    assert qmc.discrepancy(points(64)) < min(chance) / 4


def test_the_trials_in_between_do_not_matter() -> None:
    study = optuna.create_study(sampler=SobolSampler(0, 9))
    assert [study.ask().suggest_float("x", 0, 1)] == points(10)[9][:1]


def test_conditional_hyperparameters_leave_the_others_where_they_are() -> None:
    assert points(8, conditional=True) == points(8)


def test_studies_of_other_seeds_are_scrambled_otherwise() -> None:
    assert points(4, seed=1) != points(4, seed=2)
