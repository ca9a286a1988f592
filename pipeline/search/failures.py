"""A search whose trials fail one after another for one reason is ended: an error of code would eat its whole budget."""

from __future__ import annotations

from collections import deque

from pipeline.errors import TrialsFail
from pipeline.study.records import TrialRecord

FAILURES_IN_A_ROW = 5


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
