from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from pipeline.search import samplers
from pipeline.search.samplers.gp import Gp
from pipeline.search.samplers.nsga2 import Nsga2
from pipeline.search.samplers.tpe import Tpe
from pipeline.study.draft import draft

SAMPLERS: dict[str, Callable[[int], BaseSampler]] = {
    "random": lambda seed: RandomSampler(seed=seed),
    "tpe": lambda seed: TPESampler(seed=seed, n_startup_trials=4),
    "nsga2": lambda seed: NSGAIISampler(seed=seed, population_size=4),  # which notes a generation on each trial
}
POINT = {"depth": 3, "rate": 0.01}


def suggest(trial: optuna.Trial) -> dict[str, bool | int | float | str]:
    depth, rate = trial.suggest_int("depth", 1, 4), trial.suggest_float("rate", 1e-4, 1e-1, log=True)
    kind = trial.suggest_categorical("kind", ["a", "b"])
    return {"depth": depth, "rate": rate, "kind": kind} | ({"slope": trial.suggest_float("slope", 0, 1)} if kind == "a" else {})


def height(values: dict[str, bool | int | float | str]) -> float:
    return float(values["depth"]) - float(values["rate"]) + (values["kind"] == "b")


def told(study: optuna.Study) -> list[tuple[object, ...]]:
    """What is stored of each trial."""
    return [(t.number, t.state, t.params, t.distributions, t.values, t.system_attrs) for t in study.get_trials()]


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_study_of_drafts_is_the_study_that_optuna_itself_would_have_made(name: str, tmp_path: Path) -> None:
    by_optuna, by_draft = (
        optuna.create_study(storage=f"sqlite:///{tmp_path / file}", study_name="s", direction="maximize") for file in "ab"
    )
    for number in range(14):
        by_optuna.sampler, by_draft.sampler = SAMPLERS[name](number), SAMPLERS[name](number)
        if number == 0:
            by_optuna.enqueue_trial(POINT)
        trial = by_optuna.ask()
        values = suggest(trial)
        drafted, same = draft(by_draft, number, suggest, POINT if number == 0 else None)
        by_draft.add_trial(drafted)
        assert same == values
        if number % 3:  # the others go on running
            by_optuna.tell(trial, height(values))
            by_draft.tell(number, height(values))
    assert told(by_draft) == told(by_optuna)
    assert {trial.state for trial in by_draft.get_trials()} == {TrialState.RUNNING, TrialState.COMPLETE}


@pytest.mark.parametrize("ended", [0, 4], ids=["by chance", "by a model"])
@pytest.mark.parametrize("name", samplers.SAMPLERS)
def test_a_draft_cut_short_after_any_of_its_values_changes_nothing(name: str, ended: int) -> None:
    options = {"tpe": Tpe(startup_trials=2), "gp": Gp(startup_trials=2), "nsga2": Nsga2(population=2)}.get(name)
    study = optuna.create_study(direction="maximize")

    def draw(cut_after: int | None = None) -> FrozenTrial:
        def floats(trial: optuna.Trial) -> dict[str, bool | int | float | str]:
            for key in "abc"[:cut_after]:
                trial.suggest_float(key, 0, 1)
            if cut_after is not None:
                raise InterruptedError
            return {}

        number = len(study.trials)
        study.sampler = samplers.sampler(name, 0, number, options)
        return draft(study, number, floats, None)[0]

    for number, value in enumerate((0.2, 0.9, 0.4, 0.6)[:ended]):
        study.add_trial(draw())
        study.tell(number, value)
    unbroken = draw().params
    for cut_after in (1, 2):
        with pytest.raises(InterruptedError):
            draw(cut_after)
    assert draw().params == unbroken


def test_a_draft_is_in_no_database(tmp_path: Path) -> None:
    study = optuna.create_study(storage=f"sqlite:///{tmp_path / 'a'}", study_name="s")
    draft(study, 0, suggest, None)
    assert study.get_trials() == []
