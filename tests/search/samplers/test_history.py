from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import optuna
import pytest
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from pipeline.search.samplers import sampler
from pipeline.search.samplers.history import Remembering, by_factors, thinned, valued
from pipeline.study.attributes import PAUSE

MAXIMIZE, MINIMIZE = StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE


def trial(number: int, state: TrialState, value: float | None = None, share: int = 50, bad: bool = False) -> FrozenTrial:
    """One that finished with `value`, or was stopped at it when `share` percent of its plan was done."""
    stopped = state == TrialState.PRUNED and value is not None
    made = optuna.trial.create_trial(
        state=state,
        value=value if state == TrialState.COMPLETE else None,
        intermediate_values={share: value} if stopped else {},
        system_attrs={"constraints:diverged": 1.0} if bad else {},
    )
    made.number = number
    return made


def complete(number: int, value: float) -> FrozenTrial:
    return trial(number, TrialState.COMPLETE, value)


def numbers(trials: list[FrozenTrial]) -> list[int]:
    return [trial.number for trial in trials]


def test_a_short_history_is_kept_whole() -> None:
    trials = [complete(number, number) for number in range(50)]
    assert thinned(trials, [MAXIMIZE], 50) == trials


@pytest.mark.parametrize(("direction", "best"), [(MAXIMIZE, range(975, 1000)), (MINIMIZE, range(25))])
def test_of_a_long_history_the_best_remain_and_of_the_rest_an_even_choice(direction: StudyDirection, best: range) -> None:
    kept = numbers(thinned([complete(number, number) for number in range(1000)], [direction], 100))
    assert len(kept) == 100 and kept == sorted(kept)
    assert set(best) <= set(kept)
    others = [number for number in kept if number not in best]
    gaps = [later - earlier for earlier, later in itertools.pairwise(others)]
    assert set(gaps) == {13}


def test_finished_trials_go_before_stopped_ones_and_those_before_diverged_ones() -> None:
    finished = [complete(number, 0.1) for number in range(10)]
    far = [trial(number, TrialState.PRUNED, 0.2, share=50) for number in range(10, 20)]
    near = [trial(number, TrialState.PRUNED, 0.9, share=10) for number in range(20, 300)]
    bad = [trial(number, TrialState.PRUNED, 0.9, share=90, bad=True) for number in range(300, 1000)]
    kept = numbers(thinned([*bad, *near, *far, *finished], [MAXIMIZE], 50))
    assert set(range(20)) <= set(kept)
    assert sum(number >= 300 for number in kept) in range(15, 20)


def test_what_runs_is_always_known_and_what_failed_never_is() -> None:
    trials = [complete(number, 0.5) for number in range(200)]
    trials += [trial(200, TrialState.RUNNING), trial(201, TrialState.FAIL), trial(202, TrialState.WAITING)]
    kept = numbers(thinned(trials, [MAXIMIZE], 50))
    assert len(kept) == 51 and 200 in kept and not {201, 202} & set(kept)


def test_a_model_of_values_sees_stopped_trials_no_better_than_the_middle_and_bad_ones_as_the_worst() -> None:
    ended = [complete(0, 0.5), complete(1, 0.7), complete(2, 0.9)]
    ended += [trial(3, TrialState.PRUNED, 0.6), trial(4, TrialState.PRUNED, 0.8), trial(5, TrialState.PRUNED, 0.8, bad=True)]
    ended += [trial(6, TrialState.PRUNED)]
    assert [seen.value for seen in valued(ended, [MAXIMIZE])] == [0.5, 0.7, 0.9, 0.6, 0.7, 0.5, 0.5]
    assert [seen.value for seen in valued(ended, [MINIMIZE])] == [0.5, 0.7, 0.9, 0.7, 0.8, 0.9, 0.9]
    assert {seen.state for seen in valued(ended, [MAXIMIZE])} == {TrialState.COMPLETE}
    assert ended[3].state == TrialState.PRUNED


def test_without_a_finished_trial_nothing_has_a_value() -> None:
    stopped = [trial(0, TrialState.PRUNED, 0.6), trial(1, TrialState.RUNNING)]
    assert valued(stopped, [MAXIMIZE]) == stopped


def several(number: int, *values: float) -> FrozenTrial:
    made = optuna.trial.create_trial(values=list(values))
    made.number = number
    return made


def test_of_a_long_history_with_several_objectives_the_first_fronts_remain() -> None:
    front = [several(number, number, number) for number in range(20)]
    second = [several(number, number / 2 - 10.5, number / 2 - 9.5) for number in range(20, 60)]
    rest = [several(number, -number, 99 + number) for number in range(60, 999)]
    kept = numbers(thinned([*rest, *second, *front], [MAXIMIZE, MINIMIZE], 50))
    assert len(kept) == 50 and set(range(20)) | {20, 30, 39, 49, 59} <= set(kept)


def test_a_tpe_of_several_objectives_sees_costs_by_their_logarithm() -> None:
    told = by_factors([several(0, 0.5, 100.0, 1.0), several(1, 0.25, 0.0, 10.0)], [MAXIMIZE, MINIMIZE, MINIMIZE])
    assert [seen.values for seen in told] == [[0.5, math.log(100), 0.0], [0.25, math.log(1e-9), math.log(10)]]


def test_a_tpe_of_several_objectives_sees_no_values_of_stopped_trials_and_first_those_that_came_furthest() -> None:
    stopped = [trial(number, TrialState.PRUNED, 0.9, share=share) for number, share in ((1, 10), (3, 60), (4, 30))]
    unknown, finished, running = trial(5, TrialState.PRUNED), several(0, 0.5, 9.0), trial(2, TrialState.RUNNING)
    told = by_factors([finished, running, unknown, *stopped], [MAXIMIZE, MINIMIZE])
    assert numbers(told) == [0, 2, 3, 4, 1, 5] and not any(seen.intermediate_values for seen in told)
    assert stopped[0].intermediate_values == {10: 0.9}
    assert by_factors(stopped, [MAXIMIZE]) == stopped


def test_optunas_tpe_breaks_off_at_a_stopped_trial_with_a_value_and_ours_does_not() -> None:
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=optuna.samplers.RandomSampler(seed=0))
    for number in range(20):
        asked = study.ask({"x": optuna.distributions.FloatDistribution(0, 1)})
        if number % 2:
            study._storage.set_trial_intermediate_value(asked._trial_id, 50, 0.5)
        study.tell(asked, None if number % 2 else [1.0, 2.0], state=TrialState.PRUNED if number % 2 else TrialState.COMPLETE)
    study.sampler = optuna.samplers.TPESampler(seed=0)
    with pytest.raises(RuntimeError, match="single direction"):
        study.ask().suggest_float("x", 0, 1)
    study.sampler = sampler("tpe", 0, 21)
    assert 0 <= study.ask().suggest_float("x", 0, 1) <= 1


@pytest.mark.parametrize("name", ["tpe", "gp"])
def test_samplers_that_model_the_study_know_what_is_running(name: str) -> None:
    def second(first_runs: bool) -> float:
        study = optuna.create_study(direction="maximize")
        for number in range(12):
            study.add_trial(_drawn(number / 11))
        if first_runs:
            study.sampler = sampler(name, 0, 12)
            study.ask().suggest_float("x", 0, 1)
        study.sampler = sampler(name, 0, 13)
        return study.ask().suggest_float("x", 0, 1)

    assert second(first_runs=True) != second(first_runs=False)


def _drawn(x: float) -> FrozenTrial:
    distribution = optuna.distributions.FloatDistribution(0, 1)
    return optuna.trial.create_trial(value=-((x - 0.4) ** 2), params={"x": x}, distributions={"x": distribution})


def test_what_waits_is_shown_as_stopped_where_it_was_told_so_until_it_ends() -> None:
    seen: list[FrozenTrial] = []

    def look(trials: Sequence[FrozenTrial], directions: object) -> list[FrozenTrial]:
        seen[:] = trials
        return []

    study = optuna.create_study(direction="maximize", sampler=Remembering(optuna.samplers.RandomSampler(), look))
    waiting = optuna.trial.create_trial(state=TrialState.WAITING, user_attrs={PAUSE: {"epochs": 1, "share": 12, "last": 0.7}})
    ended = optuna.trial.create_trial(
        state=TrialState.COMPLETE, value=0.9, user_attrs={PAUSE: {"epochs": 1, "share": 12, "last": 0.7}}
    )
    for one in (waiting, ended):
        study.add_trial(one)
    study.sampler.infer_relative_search_space(study, study.trials[0])
    assert [(one.state.name, one.intermediate_values) for one in seen] == [("PRUNED", {12: 0.7}), ("COMPLETE", {})]
    assert [one.state.name for one in study.trials] == ["WAITING", "COMPLETE"]
