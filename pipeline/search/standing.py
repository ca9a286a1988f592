"""Where a search stands, from its study alone: so it is told the same in its own terminal, in another one, and to a script."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline import artifacts
from pipeline.search.forecast import duration
from pipeline.study.holder import Holder
from pipeline.study.records import ENDED, UNCOUNTED, StudySnapshot, TrialRecord

_PACE_SECONDS = 120.0  # of the latest past that the pace is that of
_UNLIKE_FINISHED = ("paused", "pruned", "failed", "diverged", "out_of_memory", "infeasible", "repeated", "interrupted")
_FILE = "outlook.json"


@dataclass(frozen=True)
class Ahead:
    """What the driver expected at the end of a trial: `at` unix seconds, `trials` that the budget allows, if it counts them."""

    at: float
    trials: int | None
    seconds_left: float | None
    chance: float | None  # of a better trial among those to come

    def write(self, folder: Path) -> None:
        """Into the folder of the study, for whoever looks from elsewhere."""
        artifacts.write_json(folder / _FILE, asdict(self))

    @classmethod
    def read(cls, folder: Path) -> Ahead | None:
        """What was written last; None before any trial has ended."""
        file = folder / _FILE
        return cls(**artifacts.read_json(file)) if file.exists() else None


@dataclass(frozen=True)
class Standing:
    """A study at one moment, `now` in unix seconds; `holder` is the process that searches on it, if any does."""

    snapshot: StudySnapshot
    ahead: Ahead | None
    holder: Holder | None
    now: float

    @property
    def states(self) -> Mapping[str, int]:
        """How many trials are in each state, those left by a killed driver as interrupted."""
        return Counter(self._state(trial) for trial in self.snapshot.trials)

    @property
    def running(self) -> list[TrialRecord]:
        """What trains now, reruns included."""
        runs = [*self.snapshot.trials, *(rerun.run for rerun in self.snapshot.reruns)]
        return [run for run in runs if self._state(run) == "running"]

    @property
    def done(self) -> int:
        """Trials that count and have ended, or wait where the stopping rule told them to."""
        return sum(count for state, count in self.states.items() if state in ENDED - UNCOUNTED | {"paused"})

    @property
    def seconds_left(self) -> float | None:
        """As far as is known, and only while somebody searches."""
        if self.ahead is None or self.ahead.seconds_left is None or self.holder is None or self.snapshot.finished:
            return None
        return max(0.0, self.ahead.seconds_left - (self.now - self.ahead.at))

    def pace(self) -> tuple[float, float]:
        """Trials and epochs that ended in a minute, of the last two."""
        runs = [*self.snapshot.trials, *(rerun.run for rerun in self.snapshot.reruns)]
        since = max(self.now - _PACE_SECONDS, min((run.started_at for run in runs), default=self.now))
        minutes = max(self.now - since, 1.0) / 60
        trials = sum(run.state in ENDED and (run.ended_at or 0.0) > since for run in runs)
        return trials / minutes, sum(at > since for run in runs for at in run.committed_at) / minutes

    def lines(self) -> list[str]:
        """For a person."""
        return [self._heading(), f"  {self._counts()}", *(f"  {line}" for line in self._best()), *self._while_it_runs()]

    def record(self) -> dict[str, Any]:
        """For a script."""
        best = self.snapshot.best()
        shown = None if best is None else {"trial": best.number, "value": best.value, "hyperparameters": best.hyperparameters}
        return {
            "study_id": self.snapshot.study_id,
            "metric": self.snapshot.metric,
            "finished": self.snapshot.finished,
            "driver": None if self.holder is None else asdict(self.holder),
            "trials": dict(sorted(self.states.items())),
            "trials_wanted": None if self.ahead is None else self.ahead.trials,
            "best": shown,
            "running": [{"trial": run.number, "epoch": len(run.epochs), "epochs": run.planned_epochs} for run in self.running],
            "seconds_left": self.seconds_left,
            "chance_of_a_better_one": None if self.ahead is None else self.ahead.chance,
        }

    def _state(self, run: TrialRecord) -> str:
        return "interrupted" if run.state == "running" and self.holder is None else run.state

    def _heading(self) -> str:
        name = f"study {self.snapshot.study_id[:8]}: {self.snapshot.facts.get('searched', self.snapshot.metric)}"
        if self.holder is not None:
            return f"{name}; {self.holder} searches"
        return f"{name}; finished" if self.snapshot.finished else f"{name}; nobody searches now, `dvc repro` goes on"

    def _counts(self) -> str:
        states, wanted = self.states, self.ahead.trials if self.ahead else None
        others = [f"{states[state]} {state.replace('_', ' ')}" for state in _UNLIKE_FINISHED if states[state]]
        total = f" of {wanted}" if wanted else ""
        return ", ".join([f"{self.done}{total} trials done: {states['completed']} finished", *others])

    def _best(self) -> list[str]:
        best = self.snapshot.best()
        if best is None or best.value is None:
            return ["no best yet"]
        varied = (name for name in self.snapshot.varied() if name in best.hyperparameters)
        values = (f"{name}={_short(best.hyperparameters[name])}" for name in varied)
        return [f"best: trial {best.number}, {self.snapshot.metric} {best.value:.4f}", f"  {'  '.join(values)}"]

    def _while_it_runs(self) -> list[str]:
        if self.holder is None:
            return []
        trials, epochs = self.pace()
        left = [] if self.seconds_left is None else [f"about {duration(self.seconds_left)} left"]
        if self.ahead is not None and self.ahead.chance is not None:
            left.append(f"a better one: {self.ahead.chance:.0%}")
        pace = f"{trials:.1f} trials and {epochs:.0f} epochs a minute"
        return [*(f"  {self._progress(run)}" for run in self.running), f"  {', '.join([pace, *left])}"]

    def _progress(self, run: TrialRecord) -> str:
        again = " again" if any(rerun.run is run for rerun in self.snapshot.reruns) else ""
        value = getattr(run.epochs[-1], self.snapshot.metric, None) if run.epochs else None
        reached = "" if value is None else f", {self.snapshot.metric} {value:.4f}"
        return f"trial {run.number}{again}: epoch {len(run.epochs)} of {run.planned_epochs}{reached}"


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def stand(snapshot: StudySnapshot, folder: Path, holder: Holder | None) -> Standing:
    """The study as it stands now; `folder` is that of the study in state/."""
    return Standing(snapshot, Ahead.read(folder), holder, time.time())
