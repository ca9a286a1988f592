"""The certificate of a split: what a reader needs to trust it, as values."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from pipeline.data.catalog.table import SPLITS
from pipeline.data.duplicates.clusters import NearPairs
from pipeline.data.split import table
from pipeline.data.split.assign import Division
from pipeline.data.split.settings import SplitParams
from pipeline.data.split.verify import broken_rules, sealed, shared

_SHOWN = 20  # nearest pairs across sides
_LISTED = 100  # leaks, moves, united groups and largest clusters; the counts are of all


@dataclass(frozen=True)
class Pair:
    """Two images that resemble each other: indices into the distinct digests, and how far apart they are."""

    first: int
    second: int
    distance: float


def certify(images: pd.DataFrame, division: Division, params: SplitParams, near: NearPairs) -> dict[str, Any]:
    """The certificate of a division of a catalog's images; near: pairs of the digests in the order of division.splits."""
    splits = division.splits
    side = images["digest"].map(splits.set_index("digest")["split"])
    counts = pd.crosstab(images["label"], side).reindex(columns=list(SPLITS), fill_value=0)
    distinct = pd.crosstab(_labels(images), splits.set_index("digest")["split"]).reindex(columns=list(SPLITS), fill_value=0)
    facts: dict[str, Any] = {
        "params": params.model_dump(mode="json"),
        "seed": params.seed,
        "given": division.given,
        "shares": {"asked": division.shares, "got": {name: round(float((side == name).mean()), 6) for name in SPLITS}},
        "images": {name: int((side == name).sum()) for name in SPLITS},
        "distinct": {name: int((splits["split"] == name).sum()) for name in SPLITS},
        "classes": _by_class(counts),
        "distinct_by_class": _by_class(distinct),
        "ranked_classes": division.ranked,
        "absent_classes": {name: [str(label) for label in counts.index[counts[name] == 0]] for name in SPLITS},
        "digests_with_several_labels": int((images.groupby("digest")["label"].nunique() > 1).sum()),
        "shared": shared(splits, _groups(images)),
        "leaks": _leaks(division),
        "near_duplicates": _near_duplicates(splits, near),
        "groups": _group_facts(images, division),
        "folds": _folds(splits, params.folds),
        "earlier": _earlier(division),
        "digests": {
            "splits": table.digest(splits),
            **{name: _digest_of(splits["digest"][splits["split"] == name]) for name in SPLITS},
        },
    }
    problems = broken_rules(facts)
    return sealed(facts | {"holds": not problems, "problems": problems})


def _labels(images: pd.DataFrame) -> pd.Series[str]:
    """digest → the class it is counted for: the first by name of several."""
    return images.groupby("digest")["label"].min()


def _groups(images: pd.DataFrame) -> pd.DataFrame | None:
    return images[["digest", "group"]].dropna().drop_duplicates() if "group" in images else None


def _by_class(counts: pd.DataFrame) -> dict[str, dict[str, int]]:
    return {str(label): {name: int(row[name]) for name in SPLITS} for label, row in counts.iterrows()}


def _digest_of(digests: pd.Series[str]) -> str:
    return hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()


def _leaks(division: Division) -> dict[str, Any]:
    """moved, reported: kind → number; the first as examples."""
    kinds = ("pixels", "group", "near-duplicates")
    found: dict[str, Any] = {
        word: {kind: sum(leak.kind == kind and leak.moved == moved for leak in division.leaks) for kind in kinds}
        for word, moved in (("moved", True), ("reported", False))
    }
    return found | {"examples": [asdict(leak) for leak in division.leaks[:_LISTED]]}


def _near_duplicates(splits: pd.DataFrame, near: NearPairs) -> dict[str, Any]:
    """The radius, the clusters, and the nearest pairs that stand on different sides."""
    sizes = splits["cluster"].value_counts()
    sizes = sizes[sizes > 1]
    largest = sorted(sizes.items(), key=lambda item: (-item[1], str(item[0])))[:_LISTED]
    names, side = splits["digest"].to_numpy(), splits["split"].to_numpy()
    return {
        "radius": near.radius,
        "likeness": float(f"{near.likeness:.3g}"),
        "clusters": len(sizes),
        "images": int(sizes.sum()),
        "largest": [{"medoid": str(name), "size": int(size)} for name, size in largest],
        "pairs_within_radius": int((near.distance <= near.radius).sum()) if near.radius else 0,
        "pairs_apart": _apart(splits, near),
        "nearest_across": [
            {
                "first": str(names[pair.first]),
                "second": str(names[pair.second]),
                "sides": [str(side[pair.first]), str(side[pair.second])],
                "distance": round(pair.distance, 4),
            }
            for pair in nearest_across(splits, near)
        ],
    }


def nearest_across(splits: pd.DataFrame, near: NearPairs) -> list[Pair]:
    """The pairs on different sides that resemble each other most, nearest first."""
    side = splits["split"].to_numpy()
    across = np.flatnonzero(side[near.first] != side[near.second])[:_SHOWN]
    return [Pair(int(near.first[at]), int(near.second[at]), float(near.distance[at])) for at in across]


def _apart(splits: pd.DataFrame, near: NearPairs) -> int:
    """Pairs within the radius on different sides: of two clusters, since none is chained, or of leaks that stay."""
    side = splits["split"].to_numpy()
    return int(((near.distance <= near.radius) & (side[near.first] != side[near.second])).sum()) if near.radius else 0


def _group_facts(images: pd.DataFrame, division: Division) -> dict[str, Any]:
    """How many groups, how many of them share images and became one, and the largest unit."""
    groups = _groups(images)
    return {
        "groups": 0 if groups is None else int(groups["group"].nunique()),
        "united": [list(unit.groups) for unit in division.units if len(unit.groups) > 1][:_LISTED],
        "units": len(division.units),
        "largest_unit": max((len(unit.digests) for unit in division.units), default=0),
    }


def _folds(splits: pd.DataFrame, folds: int) -> list[int]:
    """Distinct images a fold."""
    return [int((splits["fold"] == fold).sum()) for fold in range(folds)]


def _earlier(division: Division) -> dict[str, Any]:
    """How many digests stayed where an earlier split had them, and how many did not; the first as examples."""
    moved = sum(len(told.digests) for told in division.moved)
    return {"kept": division.kept, "moved": moved, "examples": [asdict(told) for told in division.moved[:_LISTED]]}
