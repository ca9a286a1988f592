"""What a search tells of itself beside its tables: what was searched, what of it mattered, and where the time went."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from pipeline.search.importance import importance
from pipeline.search.spaces.domains import Domain, Fixed
from pipeline.search.spaces.space import Space
from pipeline.study.records import StudySnapshot, TrialRecord


def account(snapshot: StudySnapshot, space: Space, moved: Sequence[Any] = ()) -> dict[str, Any]:
    """As JSON: metric, direction, objectives, facts, `searched` (name → its range or choices) and `importance`.

    After searches on a cluster `moved` too: what its nodes received of the images, one entry a search.
    """
    found = importance(snapshot, space)
    return {
        "study_id": snapshot.study_id,
        "metric": snapshot.metric,
        "direction": snapshot.direction,
        "objectives": list(snapshot.objectives),
        "facts": snapshot.facts,
        "searched": {name: _range(domain) for name, domain in space.domains.items() if not isinstance(domain, Fixed)},
        "importance": None if found is None else found.record(),
        **({"moved": list(moved)} if moved else {}),
    }


def times(snapshot: StudySnapshot, wall_seconds: float) -> pd.DataFrame:
    """what, runs, epochs, seconds: training by how trials ended, then reruns, and the wall time of all searches on this study."""
    states = dict.fromkeys(trial.state for trial in snapshot.trials)
    rows = [_row(state, (trial for trial in snapshot.trials if trial.state == state)) for state in sorted(states)]
    if snapshot.reruns:
        rows.append(_row("trained again", (rerun.run for rerun in snapshot.reruns)))
    everything = [*snapshot.trials, *(rerun.run for rerun in snapshot.reruns)]
    rows.append({**_row("wall", everything), "seconds": round(wall_seconds, 3)})
    return pd.DataFrame(rows)


def _row(what: str, trials: Iterable[TrialRecord]) -> dict[str, Any]:
    runs = list(trials)
    epochs = [metrics for trial in runs for metrics in trial.epochs]
    seconds = round(sum(metrics.seconds for metrics in epochs), 3)
    return {"what": what, "runs": len(runs), "epochs": len(epochs), "seconds": seconds}


def _range(domain: Domain) -> dict[str, Any]:
    """type, and low, high and log of a range, or choices."""
    said = domain.model_dump(mode="json", exclude={"when"})
    return {name: value for name, value in said.items() if value is not None}
