"""A study as frozen values: what the projection, the stopping rule and the leaderboard read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from pipeline.study import fronts
from pipeline.training.hyperparameters import Value
from pipeline.training.metrics import EpochMetrics, direction

State = Literal[
    "running",
    "paused",  # by the stopping rule, which may let it go on
    "interrupted",
    "completed",
    "pruned",
    "diverged",
    "out_of_memory",
    "infeasible",
    "repeated",
    "failed",
    "dropped",  # a rerun that no reselection wants any more
]
ENDED: frozenset[State] = frozenset(get_args(State)) - {"running", "paused", "interrupted"}
UNCOUNTED: frozenset[State] = frozenset({"infeasible", "repeated"})  # never launched, so no budget is used


@dataclass(frozen=True)
class TrialRecord:
    """One trial: its hyperparameters by dotted name, its curve, and how it ended.

    `value` is the study's metric at the last planned epoch, of completed trials only; times are unix seconds;
    `committed_at` holds one time an epoch.
    """

    key: str
    number: int
    state: State
    hyperparameters: dict[str, Value]
    seed: int
    value: float | None
    reason: str
    started_at: float
    ended_at: float | None
    epochs: tuple[EpochMetrics, ...]
    committed_at: tuple[float, ...]
    note: str = ""  # what is to be known of its training
    audited: bool = False  # never stopped early, whatever the rule says
    stops: tuple[bool, ...] = ()  # what the stopping rule said after each epoch
    costs: dict[str, float] = field(default_factory=dict)  # what is known of its network, by the names of objectives

    @property
    def planned_epochs(self) -> int:
        """The number of epochs this trial set out to train."""
        return int(self.hyperparameters["train.epochs"])

    @property
    def short_reason(self) -> str:
        """The last line of its reason, which of an error of code is the exception."""
        lines = self.reason.strip().splitlines()
        return lines[-1] if lines else ""


@dataclass(frozen=True)
class Outcome:
    """How a trial ended; `value` is the metric at the last planned epoch of a completed trial."""

    state: State
    reason: str = ""
    value: float | None = None
    earlier: str = ""  # the key of the trial that a repeated one repeats


@dataclass(frozen=True)
class Rerun:
    """A candidate of the reselection trained again: `run` has its hyperparameters, and a key, a seed and a curve of its own.

    `repeat` counts the new seeds from 0; `fold` is the part of train + val that was held out and scored, None: val.
    """

    run: TrialRecord
    trial_key: str
    repeat: int
    fold: int | None = None


@dataclass(frozen=True)
class StudySnapshot:
    """A whole study at one moment. `study_id` is the digest of `identity`, the digests of all that gives its results meaning."""

    study_id: str
    created_at: float
    metric: str
    identity: dict[str, str]
    facts: dict[str, str]  # what a person wants to know beside the results: commit, data, space file, budget
    trials: tuple[TrialRecord, ...]
    finished: bool
    reruns: tuple[Rerun, ...] = ()

    @property
    def objectives(self) -> tuple[str, ...]:
        """The costs of which less is wanted, beside the metric; none in a search for the metric alone."""
        return objectives(self.identity)

    @property
    def direction(self) -> str:
        """What is wanted of the metric: "maximize" or "minimize"."""
        return direction(self.metric)

    def varied(self) -> list[str]:
        """The hyperparameters that differ between its trials, by name; all of them while none does."""
        values: dict[str, set[Value]] = {}
        for trial in self.trials:
            for name, value in trial.hyperparameters.items():
                values.setdefault(name, set()).add(value)
        return sorted(name for name in values if len(values[name]) > 1) or sorted(values)

    def best(self) -> TrialRecord | None:
        """The completed trial with the best value; the earliest of equals; None before any completed."""
        return best(self.trials, self.direction)

    def front(self) -> frozenset[str]:
        """With several objectives, the keys of the completed trials that none beats: as good in all and better in one."""
        if not self.objectives:
            return frozenset()
        completed = [trial for trial in self.trials if trial.state == "completed"]
        return frozenset(trial.key for trial in front(completed, self.direction, self.objectives))


def front(completed: Sequence[TrialRecord], direction: str, objectives: Sequence[str]) -> list[TrialRecord]:
    """Those of some completed trials that no other beats: as good by value and by every cost, and better by one."""
    losses = [(_loss(trial, direction), *(trial.costs[name] for name in objectives)) for trial in completed]
    return [trial for trial, rank in zip(completed, fronts.ranks(losses), strict=True) if rank == 0]


def best(trials: Iterable[TrialRecord], direction: str) -> TrialRecord | None:
    """The completed trial with the best value; the earliest of equals; None without a completed one."""
    completed = [trial for trial in trials if trial.state == "completed" and trial.value is not None]
    return min(completed, key=by_value(direction), default=None)


def by_value(direction: str) -> Callable[[TrialRecord], tuple[float, int]]:
    """What to sort trials by: the best value first, then the earlier of equals; those without a value by number."""
    return lambda trial: (_loss(trial, direction), trial.number)


def _loss(trial: TrialRecord, direction: str) -> float:
    """Its value, so that less is better."""
    return (trial.value or 0.0) * (1.0 if direction == "minimize" else -1.0)


@dataclass(frozen=True)
class StudyRow:
    """What the database keeps of a study beside its trials; `seconds_used` is the wall time of all searches on it so far."""

    study_id: str
    created_at: float
    metric: str
    identity: dict[str, str]
    facts: dict[str, str]
    seconds_used: float
    finished: bool

    @property
    def objectives(self) -> tuple[str, ...]:
        """As of the snapshot."""
        return objectives(self.identity)


def objectives(identity: Mapping[str, str]) -> tuple[str, ...]:
    """The names in an identity, where they stand as they are, short as they are, and only if there are any."""
    return tuple(filter(None, identity.get("objectives", "").split(",")))
