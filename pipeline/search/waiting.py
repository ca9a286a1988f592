"""The trials that a stopping rule told to wait, and which of them is to go on before others begin."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipeline.search.roster import Roster
from pipeline.search.stopping import Rule, merit


class Waiting:
    """Their keys; who is due is worked out once after each change in the study, of which it has to be told by `look_again`."""

    def __init__(self, rule: Rule, roster: Roster, keys: Iterable[str]) -> None:
        self._rule, self._roster = rule, roster
        self._keys = set(keys)
        self._due: str | None = None
        self._looked = False

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._keys))

    def add(self, key: str) -> None:
        """A trial is to wait."""
        self._keys.add(key)
        self.look_again()

    def remove(self, key: str) -> None:
        """A trial goes on."""
        self._keys.remove(key)
        self.look_again()

    def look_again(self) -> None:
        """A trial has trained an epoch more."""
        self._looked = False

    def due(self) -> str | None:
        """The trial that the rule lets go on; None while it lets none."""
        if not self._looked:
            self._due = self._rule.goes_on(self._roster.curves, self._keys, self._roster.direction) if self._keys else None
            self._looked = True
        return self._due

    def furthest(self) -> str | None:
        """The trial that has trained most of its plan, the best of equals; None when none waits."""
        curves, direction = self._roster.curves, self._roster.direction

        def standing(key: str) -> tuple[float, float]:
            epochs = len(curves[key].values)
            return epochs / curves[key].planned_epochs, merit(curves[key], epochs, direction)

        return max(sorted(self._keys), key=standing, default=None)
