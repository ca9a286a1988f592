"""Trials whose worker lives and gets nowhere: it was stopped, waits for a lock, or is in a call that never ends.

A batch may take long, so what is too long follows from what batches took, with a floor that is generous.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from pipeline.search.execution.heartbeat import Pulse, trial_key

LOOK_SECONDS = 10.0
_LONGEST_BATCHES = 20  # any trial of the search may take as long as so many of the longest that any of them has trained


@dataclass(frozen=True)
class Hang:
    """A trial, by the name of the attempt at it, that got nowhere for so long."""

    name: str
    seconds: float
    where: str  # file, line and function, if its worker could still say

    @property
    def trial_key(self) -> str:
        """Of which it was an attempt."""
        return trial_key(self.name)

    def __str__(self) -> str:
        return f"got nowhere for {self.seconds / 60:.3g} minutes" + (f", in {self.where}" if self.where else "")


@dataclass
class _Watched:
    quiet_seconds: float = 0.0
    pulse: Pulse | None = None


class Hangs:
    """What is known of the trials that train; `pulses(names)` are their latest, None while nobody can be asked for them."""

    def __init__(
        self,
        least_seconds: float,
        pulses: Callable[[Collection[str]], Mapping[str, Pulse] | None],
        look_seconds: float = LOOK_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """No trial hangs that was quiet for less than `least_seconds`."""
        self._least, self._pulses, self._look, self._clock = least_seconds, pulses, look_seconds, clock
        self._looked = clock()
        self._longest = 0.0
        self._watched: dict[str, _Watched] = {}

    @property
    def due(self) -> bool:
        """Whether it is time to look."""
        return self._clock() - self._looked >= self._look

    def heard(self, name: str) -> None:
        """Its worker has brought an epoch."""
        self._watched.pop(name, None)

    def look(self, names: Collection[str]) -> list[Hang]:
        """Which of these, which train now, hang: each is said once.

        Time counts in which somebody looked: not while this machine slept, this process was stopped or the cluster away.
        """
        now = self._clock()
        passed, self._looked = min(now - self._looked, 3 * self._look), now
        silent = [name for name in names if name in self._watched]
        self._watched = {name: self._watched.get(name, _Watched()) for name in names}
        pulses = self._pulses(silent) if silent else {}
        if pulses is None:
            return []
        return [hang for name in silent if (hang := self._judged(name, pulses.get(name), passed)) is not None]

    def _judged(self, name: str, pulse: Pulse | None, passed: float) -> Hang | None:
        watched = self._watched[name]
        before, watched.pulse = watched.pulse, pulse
        if pulse is not None:
            self._longest = max(self._longest, pulse.longest_seconds)
            if before is None or pulse.done != before.done:
                watched.quiet_seconds = 0.0
                return None
        watched.quiet_seconds += passed
        if watched.quiet_seconds < max(self._least, _LONGEST_BATCHES * self._longest):
            return None
        del self._watched[name]
        return Hang(name, watched.quiet_seconds, pulse.where if pulse else "")
