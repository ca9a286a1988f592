"""What a sampler remembers of a study: Optuna's samplers, shown the trials that matter as values that they can model."""

from __future__ import annotations

import copy
import heapq
import math
from collections.abc import Callable, Container, Sequence
from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from pipeline.study import fronts
from pipeline.study.attributes import PAUSE

Directions = Sequence[StudyDirection]  # of the metric, then of each further objective
Choose = Callable[[Sequence[FrozenTrial], Directions], list[FrozenTrial]]
_BEST = 25  # trials that TPE counts as good at most
_COMPLETE, _RUNNING = TrialState.COMPLETE, TrialState.RUNNING  # named once: to look a name up takes as long as to compare it
_LEAST_COST = 1e-9  # in whatever unit
_ENDED = (TrialState.COMPLETE, TrialState.PRUNED)


class Remembering(BaseSampler):
    """Another sampler, to which the study consists of the trials that `choose` makes of the real ones. Serves one trial.

    Trials that the stopping rule told to wait are stopped ones, until they end.
    """

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
            self._view = _View(study, self._choose([*map(_as_stopped, study.get_trials(deepcopy=False))], study.directions))
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


def thinned(trials: Sequence[FrozenTrial], directions: Directions, most: int) -> list[FrozenTrial]:
    """The trials that a model needs: those running and at most `most` that have ended, the best and an even choice by number.

    The best are those that TPE ranks first: finished ones by value, with several objectives by their fronts, then stopped ones
    by how far they came, then by value.
    """
    ended = [trial for trial in trials if trial.state in _ENDED]
    running = [trial for trial in trials if trial.state is _RUNNING]
    if len(ended) <= most:
        return [*ended, *running]
    best = _best(ended, directions)
    taken = {id(trial) for trial in best}
    rest = [trial for trial in ended if id(trial) not in taken]
    spaces = most - len(best)
    even = [rest[(index + 1) * len(rest) // spaces - 1] for index in range(spaces)]
    return sorted([*best, *even, *running], key=lambda trial: trial.number)


def by_factors(trials: Sequence[FrozenTrial], directions: Directions) -> list[FrozenTrial]:
    """The same trials as a TPE needs them that knows several objectives, a metric and costs; of one objective as they are.

    Costs by their logarithm: of a front, TPE takes as good what adds most volume to it, and by the costs themselves all small
    networks would look the same beside the largest (benchmarks/bench_objectives.py). Stopped ones without a value, since
    Optuna's TPE breaks off at one that has it, and takes those without in the order given: here those that came furthest
    first, as it ranks them for one objective; whether one that stood higher was better depends on its costs.
    """
    if len(directions) == 1:
        return list(trials)
    stopped = sorted((trial for trial in trials if trial.state is TrialState.PRUNED), key=_share, reverse=True)
    others = (trial for trial in trials if trial.state is not TrialState.PRUNED)
    shown = [_with_logarithms(trial) if trial.state is _COMPLETE else trial for trial in others]
    return [*shown, *map(_without_values, stopped)]


def valued(trials: Sequence[FrozenTrial], directions: Directions) -> list[FrozenTrial]:
    """The same trials, with a value for each that ended, for models that know values only.

    A stopped trial stands where it was when it was stopped, but never better than the middle of those that finished; one that
    violates a constraint (diverged, does not fit) stands with the worst. For one objective.
    """
    (direction,) = directions
    finished = sorted(trial.value for trial in trials if trial.state == TrialState.COMPLETE and trial.value is not None)
    if not finished:
        return list(trials)
    worst, limit = (finished[0], min) if direction == StudyDirection.MAXIMIZE else (finished[-1], max)
    middle = finished[len(finished) // 2]

    def value(trial: FrozenTrial) -> float:
        last = trial.intermediate_values.get(_share(trial))
        return worst if last is None or _violates(trial) else limit(last, middle)

    return [_finished(trial, value(trial)) if trial.state == TrialState.PRUNED else trial for trial in trials]


def _as_stopped(trial: FrozenTrial) -> FrozenTrial:
    """What the stopping rule told to wait, as stopped where it was told so; any other as it is."""
    pause = trial.user_attrs.get(PAUSE)
    if pause is None or trial.state.is_finished():
        return trial
    told = copy.copy(trial)
    told.state = TrialState.PRUNED
    told.intermediate_values = {pause["share"]: pause["last"]}
    return told


def _finished(trial: FrozenTrial, value: float) -> FrozenTrial:
    told = copy.copy(trial)
    told.state, told.value, told.system_attrs = TrialState.COMPLETE, value, {}  # GP wants constraints on all or on none
    return told


def _with_logarithms(trial: FrozenTrial) -> FrozenTrial:
    told = copy.copy(trial)
    value, *costs = trial.values
    told.values = [value, *(math.log(max(cost, _LEAST_COST)) for cost in costs)]
    return told


def _without_values(trial: FrozenTrial) -> FrozenTrial:
    told = copy.copy(trial)
    told.intermediate_values = {}
    return told


def _share(trial: FrozenTrial) -> int:
    """Percent of its plan that a stopped trial trained, 0 when that is not known."""
    return max(trial.intermediate_values, default=0)


def _violates(trial: FrozenTrial) -> bool:
    return any(value > 0 for value in trial.constraints.values())


def _best(ended: Sequence[FrozenTrial], directions: Directions) -> list[FrozenTrial]:
    """The first `_BEST` by rank; stopped trials are only looked at where too few finished, as looking at thousands takes time."""
    finished = [trial for trial in ended if trial.state is _COMPLETE]
    if len(finished) >= _BEST and len(directions) > 1:
        return _best_fronts(finished, directions)
    candidates = finished if len(finished) >= _BEST else ended
    return heapq.nsmallest(_BEST, candidates, key=lambda trial: _rank(trial, directions))


def _best_fronts(finished: Sequence[FrozenTrial], directions: Directions) -> list[FrozenTrial]:
    """`_BEST` of the first fronts; of the last one that is needed, an even choice by the metric, its ends among them."""
    losses = [[_loss(value, way) for value, way in zip(trial.values, directions, strict=True)] for trial in finished]
    found: list[FrozenTrial] = []
    by_front: dict[int, list[tuple[float, int]]] = {}
    for index, front in enumerate(fronts.ranks(losses)):
        by_front.setdefault(front, []).append((losses[index][0], index))
    for _, members in sorted(by_front.items()):
        wanted = min(_BEST - len(found), len(members))
        steps = [round(step * (len(members) - 1) / max(1, wanted - 1)) for step in range(wanted)]
        found += [finished[index] for _, index in (sorted(members)[step] for step in steps)]
    return found


def _loss(value: float, direction: StudyDirection) -> float:
    return value if direction == StudyDirection.MINIMIZE else -value


def _rank(trial: FrozenTrial, directions: Directions) -> tuple[int, int, float]:
    if trial.state == TrialState.COMPLETE:
        return 0, 0, _loss(trial.values[0], directions[0])
    if _violates(trial):
        return 2, 0, 0.0
    share = _share(trial)
    return 1, -share, _loss(trial.intermediate_values.get(share, 0.0), directions[0])
