"""Whether a version may become champion: a comparison of values, known before the registry is touched."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.paired import Paired
from pipeline.tracking.settings import RegisterLimits, RegisterParams

Alias = Literal["champion", "challenger"]


@dataclass(frozen=True)
class Verdict:
    """The alias that a version deserves, and why."""

    alias: Alias
    reason: str


@dataclass(frozen=True)
class Cost:
    """Of the exported program: milliseconds for one image on this machine, megabytes (10⁶ bytes), trainable parameters."""

    latency_ms: float
    megabytes: float
    parameters: int


def classes_digest(classes: Sequence[str]) -> str:
    """sha256 of the class names in their order."""
    return hashlib.sha256(json.dumps(list(classes)).encode()).hexdigest()


def over_limits(cost: Cost, limits: RegisterLimits) -> str:
    """Which limits it exceeds, in words; empty when none."""
    pairs = ((name, getattr(cost, name), limit) for name, limit in limits.model_dump().items() if limit is not None)
    return ", ".join(f"{name} {value:g} is over the limit of {limit:g}" for name, value, limit in pairs if value > limit)


def judge(paired: Paired, champion: str, params: RegisterParams) -> Verdict:
    """By the rule of params.yaml; `paired` compares the candidate with the champion, version `champion`, in this order.

    no-worse: as accurate on these images, less the margin. better: more accurate by more than the margin, and not by chance:
    the bootstrap interval of the difference lies above the margin and McNemar's exact test agrees. The test guards against few
    disagreeing images, where an interval by the bootstrap is too narrow.
    """
    told = figures(paired, champion)
    if params.rule == "no-worse":
        if paired.difference < -params.margin:
            return Verdict("challenger", f"worse on the same test images: {told}")
        return Verdict("champion", f"no worse on the same test images: {told}")
    sure = paired.low > params.margin and paired.p_value <= 1 - paired.confidence
    if not sure:
        return Verdict("challenger", f"not surely better by more than {params.margin:g} on the same test images: {told}")
    return Verdict("champion", f"better on the same test images: {told}")


def figures(paired: Paired, champion: str) -> str:
    """The comparison in one line."""
    interval = f"{paired.confidence:.0%} interval {paired.low:+.4f} to {paired.high:+.4f}"
    return (
        f"accuracy {paired.first:.4f}, champion version {champion} has {paired.second:.4f}; difference {paired.difference:+.4f}"
        f" ({interval}), {paired.only_first} images right here alone and {paired.only_second} there, p = {paired.p_value:.2g}"
        f" (McNemar, exact), n = {paired.n}"
    )
