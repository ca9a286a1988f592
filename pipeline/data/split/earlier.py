"""The split made last, which images keep: a side drawn from names alone cannot stay when a new near-duplicate joins them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from pipeline.data.split import table
from pipeline.data.split.draw import strictest
from pipeline.data.split.settings import SplitParams
from pipeline.data.split.units import Unit


@dataclass(frozen=True)
class Earlier:
    """digest → side and digest → fold of the split made last; both empty for a first split."""

    sides: Mapping[str, str] = field(default_factory=dict)
    folds: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Moved:
    """Images that left the side they had. sides: split → digests before, of all that belong together; side: now."""

    digests: tuple[str, ...]
    sides: dict[str, int]
    side: str


def terms(params: SplitParams) -> dict[str, Any]:
    """What two splits must have in common for the later to keep the sides of the earlier."""
    return params.model_dump(include={"seed", "val_share", "test_share", "given", "on_leak", "near_duplicates"})


def read(splits: pd.DataFrame, made_with: Mapping[str, Any], params: SplitParams) -> Earlier:
    """What to keep of `splits`: nothing when they were made with other terms or are not the table that was written.

    made_with: the terms, the number of folds, and as `splits` the digest of the table.
    """
    same = all(made_with.get(name) == value for name, value in terms(params).items())
    if not params.keep_earlier or not same or made_with.get("splits") != table.digest(splits):
        return Earlier()
    folded = splits.dropna(subset="fold") if made_with.get("folds") == params.folds else splits.iloc[:0]
    sides = dict(zip(splits["digest"].astype(str), splits["split"].astype(str), strict=True))
    return Earlier(sides, dict(zip(folded["digest"].astype(str), folded["fold"].astype(int), strict=True)))


def kept_side(digests: Iterable[str], earlier: Earlier, allowed: Collection[str]) -> str | None:
    """The side that digests which belong together had, the strictest of several; None when they are new."""
    before = {earlier.sides[digest] for digest in digests if earlier.sides.get(digest) in allowed}
    return strictest(before) if before else None


def moves(units: Iterable[Unit], sides: Mapping[str, str], earlier: Earlier) -> list[Moved]:
    """What is not where it was: it belongs together with others now, or the source gives it another side. sides: as decided."""
    found = []
    for unit in units:
        before = {digest: earlier.sides[digest] for digest in unit.digests if digest in earlier.sides}
        left = [digest for digest, side in before.items() if side != sides[digest]]
        for now in sorted({sides[digest] for digest in left}):
            counts = Counter(before.values())
            found.append(Moved(tuple(digest for digest in left if sides[digest] == now), dict(sorted(counts.items())), now))
    return found
