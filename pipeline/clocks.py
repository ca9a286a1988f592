"""Clocks of other machines. Nothing that a study holds depends on them; what is shown and who is let in does."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

SKEW_SECONDS = 30.0  # more is told


@dataclass(frozen=True)
class Reading:
    """What a clock said between two moments of ours, all in unix seconds."""

    asked: float
    said: float
    heard: float

    @property
    def ahead(self) -> float:
        """Seconds by which it surely goes before ours, negative if it goes after; 0 if it may be right."""
        return max(0.0, self.said - self.heard) or min(0.0, self.said - self.asked)

    def warning(self, whose: str) -> str:
        """A line for the person who looks after the machines; "" if all is well."""
        if abs(self.ahead) <= SKEW_SECONDS:
            return ""
        how = "ahead of" if self.ahead > 0 else "behind"
        line = f"the clock of {whose} is {abs(self.ahead):.0f} s {how} this machine's: let both be set by NTP"
        return f"{line} (no result depends on it; TLS, S3 and the times that are shown do)"


def read(ask: Callable[[], float], clock: Callable[[], float] = time.time) -> Reading:
    """A clock that answers."""
    asked = clock()
    said = ask()
    return Reading(asked, said, clock())
