"""How like the recorded model a rebuilt one is, and how like the recorded environment this one: values in, values out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_SHOWN = 8  # packages that differ

Weights = Mapping[str, npt.NDArray[np.generic]]


@dataclass(frozen=True)
class Likeness:
    """largest: of all weights, how far apart two are, as a share of the largest weight of the same tensor; 0 when identical."""

    tensors: int
    identical: bool
    largest: float
    shapes_differ: tuple[str, ...] = ()

    def within(self, tolerance: float) -> bool:
        """Whether no weight is further apart than this share."""
        return not self.shapes_differ and self.largest <= tolerance

    def __str__(self) -> str:
        if self.shapes_differ:
            return f"another network: {', '.join(self.shapes_differ)} differ in name, shape or type"
        if self.identical:
            return f"bit-identical weights ({self.tensors} tensors)"
        return f"weights differ by {self.largest:.2g} of the largest weight of their tensor at most ({self.tensors} tensors)"


def likeness(recorded: Weights, rebuilt: Weights) -> Likeness:
    """Of two sets of weights by name; NaN is like NaN alone."""
    strange = [name for name in sorted(recorded.keys() | rebuilt.keys()) if not _same_kind(recorded.get(name), rebuilt.get(name))]
    if strange:
        return Likeness(len(recorded), False, float("inf"), tuple(strange))
    identical = all(recorded[name].tobytes() == rebuilt[name].tobytes() for name in recorded)
    largest = max((_apart(recorded[name], rebuilt[name]) for name in recorded), default=0.0)
    return Likeness(len(recorded), identical, 0.0 if identical else largest)


def requirements(text: str) -> dict[str, str]:
    """Package → version of `name==version` lines; other lines say nothing, local labels such as +cpu are left out."""
    pairs = (line.strip().partition("==") for line in text.splitlines() if not line.startswith("#"))
    return {_canonical(name): version.partition("+")[0] for name, _, version in pairs if version}


def differing(recorded: Mapping[str, str], installed: Mapping[str, str]) -> list[str]:
    """In words, one a package of the recorded ones that is another here or missing."""
    strange = [name for name, version in sorted(recorded.items()) if installed.get(name) != version]
    return [f"{name} was {recorded[name]}, is {installed.get(name, 'not installed')}" for name in strange]


def environment(differences: list[str], recorded: int) -> str:
    """The line that says how the environment differs."""
    if not differences:
        return f"environment: all {recorded} packages as recorded"
    more = f"; and {len(differences) - _SHOWN} more" if len(differences) > _SHOWN else ""
    return f"environment: {len(differences)} of {recorded} packages differ: {'; '.join(differences[:_SHOWN])}{more}"


def _canonical(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def _same_kind(one: npt.NDArray[np.generic] | None, other: npt.NDArray[np.generic] | None) -> bool:
    return one is not None and other is not None and (one.shape, one.dtype) == (other.shape, other.dtype)


def _apart(one: npt.NDArray[np.generic], other: npt.NDArray[np.generic]) -> float:
    first, second = one.astype(np.float64), other.astype(np.float64)
    if not first.size or np.array_equal(first, second, equal_nan=True):
        return 0.0
    share = np.abs(first - second).max() / max(np.abs(first).max(), np.finfo(np.float32).tiny)
    return float(share) if np.isfinite(share) else float("inf")
