"""The train, val and test that a source gives: what they fix, and what leaks between them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from pipeline.data.split.draw import STRICTEST_FIRST, strictest
from pipeline.data.split.settings import SplitParams
from pipeline.data.split.units import Unit


@dataclass(frozen=True)
class Leak:
    """One thing that the source gives on several sides. sides: split → digests; moved: it is on one side now."""

    kind: Literal["pixels", "group", "near-duplicates"]
    name: str  # a digest, a group, the digest of a medoid
    sides: dict[str, int]
    moved: bool


def given_sides(images: pd.DataFrame, params: SplitParams) -> dict[str, str]:
    """digest → the split the source gives it, of several the strictest; empty when given splits are ignored."""
    if params.given == "ignore":
        return {}
    known = images[["digest", "split"]].dropna().drop_duplicates()
    rank = known["split"].map(STRICTEST_FIRST.index)
    strict = known.assign(rank=rank).sort_values("rank", kind="stable").drop_duplicates("digest")
    return dict(zip(strict["digest"].astype(str), strict["split"].astype(str), strict=True))


def missing_shares(given: Mapping[str, str], params: SplitParams) -> dict[str, float]:
    """Split → share, of those that the source does not give."""
    present = set(given.values())
    return {name: share for name, share in (("val", params.val_share), ("test", params.test_share)) if name not in present}


def fixed(unit: Unit, given: Mapping[str, str], params: SplitParams) -> dict[str, str]:
    """digest → side, of the digests of a unit that are not free; what is given train may still be divided.

    Where a unit has digests in val or test, those without a given split follow into the strictest, and those given train too
    when leaks are moved.
    """
    sealed = {digest: given[digest] for digest in unit.digests if given.get(digest) in ("val", "test")}
    if not sealed:
        return {}
    side = strictest(set(sealed.values()))
    if params.on_leak == "move":
        return dict.fromkeys(unit.digests, side)
    return sealed | {digest: side for digest in unit.digests if digest not in given}


def leaks(
    images: pd.DataFrame,
    clusters: Mapping[str, str],
    units: Iterable[Unit],
    given: Mapping[str, str],
    sides: Mapping[str, str],
    params: SplitParams,
) -> list[Leak]:
    """Pixels, groups and clusters of near-duplicates that the source gives on several sides, sorted.

    sides: digest → side as decided. What is reported is told as it is now, what is moved as it was given.
    """
    if not given:
        return []
    rows = images[["digest", "split"]].dropna().drop_duplicates()
    several = rows[rows["digest"].duplicated(keep=False)].groupby("digest")["split"]
    pixels = [Leak("pixels", str(digest), dict.fromkeys(sorted(splits), 1), moved=True) for digest, splits in several]
    moved = params.on_leak == "move"
    where = {**sides, **given} if moved else sides
    sealed = {digest for unit in units if _is_sealed(unit, given) for digest in unit.digests}
    named = [Leak("group", name, counts, moved) for name, counts in _apart(_groups(images), sealed, where).items()]
    near = [Leak("near-duplicates", name, counts, moved) for name, counts in _apart(clusters.items(), sealed, where).items()]
    return [*pixels, *named, *near]


def _is_sealed(unit: Unit, given: Mapping[str, str]) -> bool:
    return any(given.get(digest) in ("val", "test") for digest in unit.digests)


def _groups(images: pd.DataFrame) -> list[tuple[str, str]]:
    if "group" not in images:
        return []
    known = images[["digest", "group"]].dropna().drop_duplicates()
    return list(zip(known["digest"].astype(str), known["group"].astype(str), strict=True))


def _apart(members: Iterable[tuple[str, str]], sealed: Collection[str], where: Mapping[str, str]) -> dict[str, dict[str, int]]:
    """Name → split → digests, of the names that are on several sides because of a given val or test, sorted."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for digest, name in members:
        if digest in sealed:
            found[name][where[digest]] += 1
    return {name: dict(sorted(counts.items())) for name, counts in sorted(found.items()) if len(counts) > 1}
