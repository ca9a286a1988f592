"""Which trials to stop early: one module a rule, a pure function of the study's curves, so that a restart decides the same."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.config import did_you_mean
from pipeline.errors import UnknownName
from pipeline.search.stopping.asha import Asha
from pipeline.search.stopping.median import Median
from pipeline.search.stopping.none import NoStopping
from pipeline.search.stopping.patience import Patience
from pipeline.search.stopping.rule import Curve, Rule, merit, share

__all__ = ["RULES", "Curve", "Rule", "decide", "merit", "share", "stopping"]

RULES: dict[str, type[Rule]] = {"asha": Asha, "median": Median, "patience": Patience, "none": NoStopping}


def stopping(name: str, options: Rule | None = None) -> Rule:
    """The rule called `name`, with its section of params.yaml or its defaults; raises UnknownName with the names there are."""
    if name not in RULES:
        raise UnknownName("stopping rule", why=f"{name!r} does not exist", remedy=did_you_mean(name, RULES))
    return options or RULES[name]()


def decide(rule: Rule, curves: Mapping[str, Curve], key: str, direction: str) -> bool:
    """True if `rule` ends trial `key` after its last epoch; a trial that trained its whole plan is finished, never stopped."""
    curve = curves[key]
    return 0 < len(curve.values) < curve.planned_epochs and rule.stops(curves, key, direction)
