"""What every stopping rule is, and what all of them see: curves, compared at equal shares of each trial's own plan."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from pipeline.config import Section


@dataclass(frozen=True)
class Curve:
    """A trial so far: the epochs it set out to train (≥ 1) and the study's metric after each epoch trained.

    costs: with several objectives, what its network costs, less of each is better; of all trials the same ones in order.
    """

    planned_epochs: int
    values: tuple[float, ...]
    costs: tuple[float, ...] = ()

    def costs_no_more(self, other: Curve) -> bool:
        """Whether it costs no more than the other in anything."""
        return all(mine <= theirs for mine, theirs in zip(self.costs, other.costs, strict=True))

    def epoch_at(self, part: float) -> int:
        """The first epoch at which `part` (0–1) of the plan is done."""
        return max(1, math.ceil(round(part * self.planned_epochs, 9)))


class Rule(Section, ABC):
    """The options of a stopping rule, and its answers.

    pauses: what it stops only waits; when nothing else is to be decided it may go on, see `goes_on`.
    """

    pauses: ClassVar[bool] = False

    @abstractmethod
    def stops(self, curves: Mapping[str, Curve], key: str, direction: str) -> bool:
        """True to stop trial `key`, given all curves of the study by trial key; `direction` is "maximize" or "minimize".

        Asked after every epoch but the last of the plan.
        """

    def goes_on(self, curves: Mapping[str, Curve], waiting: Collection[str], direction: str) -> str | None:
        """Of the trials that it stopped and that still wait, the one to be trained on before others begin; None: none yet."""
        return None

    @abstractmethod
    def least_trained(self, planned_epochs: int) -> float:
        """Of many trials that plan so many epochs, about the share (0–1) of these that is trained where as many stop as may."""


def merit(curve: Curve, epoch: int, direction: str) -> float:
    """The value after `epoch` epochs, higher is better; what is not finite is the worst."""
    value = curve.values[epoch - 1]
    if not math.isfinite(value):
        return -math.inf
    return value if direction == "maximize" else -value


def others(curves: Mapping[str, Curve], key: str) -> Iterator[tuple[Curve, int]]:
    """Each other trial that has trained the share of its plan that trial `key` has, with the epoch at which it stood there."""
    asked = curves[key]
    part = len(asked.values) / asked.planned_epochs
    for other, curve in curves.items():
        if other != key and len(curve.values) >= (epoch := curve.epoch_at(part)):
            yield curve, epoch


def share(epoch: int, planned_epochs: int) -> int:
    """Percent of its own plan that a trial trained, 1 to 100: the step told to Optuna, comparable between plans."""
    return max(1, 100 * epoch // planned_epochs)
