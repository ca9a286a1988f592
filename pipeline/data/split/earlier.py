"""The split made last, which images keep: a side drawn from names alone cannot stay when a new near-duplicate joins them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from pipeline.data.split.draw import strictest
from pipeline.data.split.settings import SplitParams


@dataclass(frozen=True)
class Earlier:
    """digest → side and digest → fold of the split made last; both empty for a first split."""

    sides: Mapping[str, str] = field(default_factory=dict)
    folds: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Joined:
    """Images that were on several sides and belong together now. sides: split → digests before; side: where all are now."""

    digests: tuple[str, ...]  # those that moved
    sides: dict[str, int]
    side: str


def terms(params: SplitParams) -> dict[str, Any]:
    """What two splits must have in common for the later to keep the sides of the earlier."""
    return params.model_dump(include={"seed", "val_share", "test_share", "given", "on_leak", "near_duplicates"})


def read(splits: pd.DataFrame, made_with: Mapping[str, Any], params: SplitParams) -> Earlier:
    """What to keep of `splits`, which were made with these terms (and folds): nothing when the terms differ."""
    if not params.keep_earlier or any(made_with.get(name) != value for name, value in terms(params).items()):
        return Earlier()
    folded = splits.dropna(subset="fold") if made_with.get("folds") == params.folds else splits.iloc[:0]
    sides = dict(zip(splits["digest"].astype(str), splits["split"].astype(str), strict=True))
    return Earlier(sides, dict(zip(folded["digest"].astype(str), folded["fold"].astype(int), strict=True)))


def keep(digests: Collection[str], earlier: Earlier, allowed: Collection[str]) -> tuple[str | None, Joined | None]:
    """The side that digests which belong together had, the strictest of several; what moves when there were several."""
    before = {digest: earlier.sides[digest] for digest in digests if earlier.sides.get(digest) in allowed}
    if not before:
        return None, None
    side = strictest(set(before.values()))
    moved = tuple(sorted(digest for digest, old in before.items() if old != side))
    if not moved:
        return side, None
    counts = {name: sum(old == name for old in before.values()) for name in sorted(set(before.values()))}
    return side, Joined(moved, counts, side)
