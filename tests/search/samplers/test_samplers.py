from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from pipeline.errors import UnknownName
from pipeline.search.samplers import SAMPLERS, sampler
from pipeline.search.samplers.nsga2 import Nsga2
from pipeline.search.samplers.tpe import Tpe
from pipeline.search.settings import SearchParams

Toy = Callable[[optuna.Trial], tuple[bool, float]]


def too_deep(trial: optuna.Trial) -> tuple[bool, float]:
    """Deeper is better, but a feature map vanishes from 5 layers on."""
    depth, kernel = trial.suggest_int("depth", 1, 8), trial.suggest_categorical("kernel", [3, 5, 7])
    return depth < 5, depth / 4 + kernel / 100


def diverges(trial: optuna.Trial) -> tuple[bool, float]:
    """Best at a learning rate of 0.01, NaN from 0.1 on."""
    rate, momentum = trial.suggest_float("rate", 1e-4, 1, log=True), trial.suggest_float("momentum", 0, 1)
    return rate < 0.1, -((momentum - 0.8) ** 2) - abs(math.log10(rate) + 2) / 5


def run(study: optuna.Study, toy: Toy, name: str, count: int, bad_state: TrialState = TrialState.PRUNED) -> list[bool]:
    """Ask and tell until `count` trials exist; True for each new trial that fell into the bad region."""
    fell = []
    for number in range(len(study.get_trials(deepcopy=False)), count):
        study.sampler = sampler(name, 0, number)
        trial = study.ask()
        good, value = toy(trial)
        fell.append(not good)
        if good:
            study.tell(trial, value)
            continue
        if bad_state is TrialState.PRUNED:
            trial.set_constraint("feasible", 1.0)
        study.tell(trial, state=bad_state)
    return fell


def suggestions(study: optuna.Study) -> list[dict[str, object]]:
    return [trial.params for trial in study.get_trials(deepcopy=False)]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield
    optuna.logging.set_verbosity(before)


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_can_be_chosen_and_has_its_section(name: str) -> None:
    params = SearchParams.model_validate({"sampler": name})
    assert (params.sampling() or SAMPLERS[name]()) == SAMPLERS[name]()


def test_a_sampler_has_the_options_of_its_section() -> None:
    params = SearchParams.model_validate({"sampler": "tpe", "tpe": {"startup_trials": 5}})
    assert params.sampling() == Tpe(startup_trials=5)


def test_an_unknown_sampler_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(UnknownName, match=r"'cma-es' does not exist — choose from gp, nsga2, qmc, random, tpe"):
        sampler("cma-es", seed=0, number=0)


def test_tpe_stays_in_a_region_whose_trials_end_failed() -> None:  # and leaves one told PRUNED: test_bad_regions.py
    fell = run(optuna.create_study(direction="maximize"), too_deep, "tpe", 200, bad_state=TrialState.FAIL)
    assert sum(fell[-100:]) > 50


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_restarted_study_continues_as_an_unbroken_one(name: str, tmp_path: Path) -> None:
    unbroken = optuna.create_study(direction="maximize")
    run(unbroken, diverges, name, 13)
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    run(optuna.create_study(direction="maximize", study_name="toy", storage=storage), diverges, name, 12)
    restarted = optuna.load_study(study_name="toy", storage=storage)
    run(restarted, diverges, name, 13)
    assert suggestions(restarted) == suggestions(unbroken)


@pytest.mark.parametrize("name", SAMPLERS)
def test_seed_and_trial_number_both_change_what_is_suggested(name: str) -> None:
    def first(seed: int, number: int) -> float:
        study = optuna.create_study(sampler=sampler(name, seed, number))
        return study.ask().suggest_float("x", 0, 1)

    assert first(0, 0) == first(0, 0)
    assert len({first(seed, number) for seed in range(4) for number in range(4)}) == 16


def test_first_points_are_parents_of_the_second_generation() -> None:
    study = optuna.create_study(direction="maximize")
    given = [0.1, 0.2, 0.3, 0.4]
    for value in given:
        study.enqueue_trial({"x": value, "y": value})
    for number in range(8):
        study.sampler = sampler("nsga2", 0, number, Nsga2(population=4))
        trial = study.ask()
        study.tell(trial, trial.suggest_float("x", 0, 1) + trial.suggest_float("y", 0, 1))
    children = [set(trial.params.values()) for trial in study.trials[4:]]
    assert sum(bool(child & set(given)) for child in children) >= 3  # a child may be mutated in all that it has


def test_tpe_draws_hyperparameters_of_one_condition_jointly() -> None:
    study = optuna.create_study(direction="maximize")
    for number in range(12):
        study.sampler = sampler("random", 0, number)
        trial = study.ask()
        if trial.suggest_categorical("kind", ["plain", "pair"]) == "pair":
            trial.suggest_float("left", 0, 1)
            trial.suggest_float("right", 0, 1)
        study.tell(trial, 0.5)
    waiting = study.ask()
    jointly = sampler("tpe", 0, 13).infer_relative_search_space(study, study.trials[waiting.number])
    assert set(jointly) == {"kind", "left", "right"}


def test_tpe_of_several_objectives_draws_each_hyperparameter_by_itself() -> None:
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler("random", 0, 0))
    for _ in range(12):
        trial = study.ask()
        study.tell(trial, [trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)])
    study.sampler = tpe = sampler("tpe", 0, 12)
    waiting = study.ask()
    assert tpe.infer_relative_search_space(study, study.trials[waiting.number]) == {}
    assert 0 <= waiting.suggest_float("x", 0, 1) <= 1
