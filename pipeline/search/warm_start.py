"""First points from earlier studies of the same space, on whatever data: what was best there is tried first here."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipeline.search.spaces.domains import Fixed
from pipeline.search.spaces.space import Space
from pipeline.study import store, studies
from pipeline.study.records import StudyRow, StudySnapshot, TrialRecord, by_value
from pipeline.training.hyperparameters import Value


@dataclass(frozen=True)
class Earlier:
    """A trial of another study, and its hyperparameters that the space searches."""

    study_id: str
    trial: TrialRecord
    point: dict[str, Value]

    def __str__(self) -> str:
        return f"trial {self.trial.number} of study {self.study_id} ({self.trial.value:.4f})"


def earlier_best(url: str, row: StudyRow, space: Space, count: int) -> list[Earlier]:
    """At most `count` different configurations: the best of each earlier study, the latest one first, then each second best.

    Only trials that ended before the study of `row` began count, so that the answer is the same whenever this study goes on.
    Raises StudyUnreachable.
    """
    if count == 0:
        return []
    same = [
        other
        for other in reversed(studies.rows(url))
        if other.study_id != row.study_id and other.identity.get("space") == row.identity["space"] and other.metric == row.metric
    ]
    ranked = [_ranked(store.read(url, other.study_id), row.created_at, space) for other in same]
    found: list[Earlier] = []
    for candidate in itertools.chain.from_iterable(itertools.zip_longest(*ranked)):
        if len(found) < count and candidate is not None and candidate.point not in [known.point for known in found]:
            found.append(candidate)
    return found


def with_first_points(space: Space, earlier: Sequence[Earlier]) -> Space:
    """The space, whose own first points come after those of earlier studies."""
    points = [one.point for one in earlier]
    return replace(space, first_points=(*points, *(point for point in space.first_points if point not in points)))


def _ranked(study: StudySnapshot, before: float, space: Space) -> list[Earlier]:
    completed = [t for t in study.trials if t.value is not None and t.ended_at is not None and t.ended_at < before]
    best_first = sorted(completed, key=by_value(study.direction))
    return [Earlier(study.study_id, trial, _searched(trial, space)) for trial in best_first]


def _searched(trial: TrialRecord, space: Space) -> dict[str, Value]:
    varied = {name for name, domain in space.domains.items() if not isinstance(domain, Fixed)}
    return {name: value for name, value in trial.hyperparameters.items() if name in varied}
