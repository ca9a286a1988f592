"""The wall time that all searches on a study have taken together, kept while one of them runs."""

from __future__ import annotations

import math
from collections.abc import Callable

SAVE_SECONDS = 10.0  # so much wall time at most is missing from the study when the driver is killed


class WallTime:
    """Counts on from the seconds used `before`; `save(seconds)` stores them."""

    def __init__(self, before: float, clock: Callable[[], float], save: Callable[[float], None]) -> None:
        self._before, self._clock, self._save = before, clock, save
        self._began, self._saved = clock(), -math.inf
        self._stopped: float | None = None  # when, by the clock

    @property
    def seconds(self) -> float:
        """Until now, or until it was stopped."""
        return self._before + (self._clock() if self._stopped is None else self._stopped) - self._began

    def save_when_due(self) -> None:
        """At first, and whenever SAVE_SECONDS have passed."""
        if self.seconds - self._saved >= SAVE_SECONDS:
            self._saved = self.seconds
            self._save(self._saved)

    def stop(self) -> None:
        """The search is over."""
        self._stopped = self._clock()
