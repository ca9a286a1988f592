"""What a sampler remembers of a study: Optuna's samplers, shown the trials that matter as values that they can model."""

from __future__ import annotations

import copy
import heapq
from collections.abc import Callable, Container, Sequence
from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

Choose = Callable[[Sequence[FrozenTrial], StudyDirection], list[FrozenTrial]]
_BEST = 25  # trials that TPE counts as good at most
_COMPLETE, _RUNNING = TrialState.COMPLETE, TrialState.RUNNING  # named once: to look a name up takes as long as to compare it
_ENDED = (TrialState.COMPLETE, TrialState.PRUNED)


class Remembering(BaseSampler):
    """Another sampler, to which the study consists of the trials that `choose` makes of the real ones. Serves one trial."""

    def __init__(self, inner: BaseSampler, choose: Choose) -> None:
        self._inner, self._choose = inner, choose
        self._view: Study | None = None

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Of the trials shown."""
        return self._inner.infer_relative_search_space(self._shown(study), trial)

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]) -> dict[str, Any]:
        """By the trials shown."""
        return self._inner.sample_relative(self._shown(study), trial, search_space)

    def sample_independent(self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution) -> Any:
        """By the trials shown."""
        return self._inner.sample_independent(self._shown(study), trial, param_name, param_distribution)

    def _shown(self, study: Study) -> Study:
        if self._view is None:
            self._view = _View(study, self._choose(study.get_trials(deepcopy=False), study.direction))
        return self._view


class _View(Study):
    """A study of which only some trials are seen; `_get_trials` is what Optuna's samplers read a study by."""

    def __init__(self, study: Study, shown: list[FrozenTrial]) -> None:
        self.__dict__.update(study.__dict__)
        self._shown = shown

    def _get_trials(
        self, deepcopy: bool = True, states: Container[TrialState] | None = None, use_cache: bool = False
    ) -> list[FrozenTrial]:
        trials = [trial for trial in self._shown if states is None or trial.state in states]
        return copy.deepcopy(trials) if deepcopy else trials


def thinned(trials: Sequence[FrozenTrial], direction: StudyDirection, most: int) -> list[FrozenTrial]:
    """At most `most` trials that a model needs: those running, the best, and of the others an even choice by number.

    The best are those that TPE ranks first: finished ones by value, then stopped ones by how far they came, then by value.
    """
    ended = [trial for trial in trials if trial.state in _ENDED]
    running = [trial for trial in trials if trial.state is _RUNNING]
    if len(ended) <= most:
        return [*ended, *running]
    best = _best(ended, direction)
    taken = {id(trial) for trial in best}
    rest = [trial for trial in ended if id(trial) not in taken]
    spaces = most - len(best)
    even = [rest[(index + 1) * len(rest) // spaces - 1] for index in range(spaces)]
    return sorted([*best, *even, *running], key=lambda trial: trial.number)


def valued(trials: Sequence[FrozenTrial], direction: StudyDirection) -> list[FrozenTrial]:
    """The same trials, with a value for each that ended, for models that know values only.

    A stopped trial stands where it was when it was stopped, but never better than the middle of those that finished; one that
    violates a constraint (diverged, does not fit) stands with the worst.
    """
    finished = sorted(trial.value for trial in trials if trial.state == TrialState.COMPLETE and trial.value is not None)
    if not finished:
        return list(trials)
    worst, limit = (finished[0], min) if direction == StudyDirection.MAXIMIZE else (finished[-1], max)
    middle = finished[len(finished) // 2]

    def value(trial: FrozenTrial) -> float:
        last = trial.intermediate_values.get(max(trial.intermediate_values, default=0))
        return worst if last is None or _violates(trial) else limit(last, middle)

    return [_finished(trial, value(trial)) if trial.state == TrialState.PRUNED else trial for trial in trials]


def _finished(trial: FrozenTrial, value: float) -> FrozenTrial:
    told = copy.copy(trial)
    told.state, told.value, told.system_attrs = TrialState.COMPLETE, value, {}  # GP wants constraints on all or on none
    return told


def _violates(trial: FrozenTrial) -> bool:
    return any(value > 0 for value in trial.constraints.values())


def _best(ended: Sequence[FrozenTrial], direction: StudyDirection) -> list[FrozenTrial]:
    """The first `_BEST` by rank; stopped trials are only looked at where too few finished, as looking at thousands takes time."""
    finished = [trial for trial in ended if trial.state is _COMPLETE]
    candidates = finished if len(finished) >= _BEST else ended
    return heapq.nsmallest(_BEST, candidates, key=lambda trial: _rank(trial, direction))


def _rank(trial: FrozenTrial, direction: StudyDirection) -> tuple[int, int, float]:
    sign = 1.0 if direction == StudyDirection.MINIMIZE else -1.0
    if trial.state == TrialState.COMPLETE:
        return 0, 0, sign * (trial.value or 0.0)
    if _violates(trial):
        return 2, 0, 0.0
    share = max(trial.intermediate_values, default=0)
    return 1, -share, sign * trial.intermediate_values.get(share, 0.0)
