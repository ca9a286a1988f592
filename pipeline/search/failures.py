"""Searches that come to nothing: trials fail one after another for one reason, which ends it, or none comes to its end."""

from __future__ import annotations

from collections import Counter, deque

from pipeline.errors import NoTrialFinished, TrialsFail
from pipeline.search.budget import Budget
from pipeline.study.records import StudySnapshot, TrialRecord

FAILURES_IN_A_ROW = 5  # more of an error of code would eat the whole budget


class Failures:
    """The latest trials that this process saw end."""

    def __init__(self) -> None:
        self._latest: deque[TrialRecord] = deque(maxlen=FAILURES_IN_A_ROW)

    def add(self, trial: TrialRecord) -> TrialsFail | None:
        """A trial has ended; the end of the search if so many in a row failed with the same last line."""
        self._latest.append(trial)
        reasons = {ended.short_reason for ended in self._latest}
        if len(self._latest) < FAILURES_IN_A_ROW or len(reasons) > 1 or any(ended.state != "failed" for ended in self._latest):
            return None
        why = f"{FAILURES_IN_A_ROW} trials in a row: {reasons.pop()}"
        return TrialsFail("the search", where=trial.key, why=why, remedy="correct the code or the space")


def none_finished(snapshot: StudySnapshot, budget: Budget) -> NoTrialFinished:
    """The end of a search without a trial to choose: what became of them."""
    states = Counter(trial.state for trial in snapshot.trials)
    told = ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in states.most_common())
    why = f"no trial came to its end within its budget, {budget}: {told or 'none was begun'}"
    return NoTrialFinished("the search", why=why, remedy="raise it, or search lower learning rates and smaller networks")
