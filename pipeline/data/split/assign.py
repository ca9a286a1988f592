"""Which side of train, val and test each image is on, decided by its pixels and what belongs to it.

The side follows from sha256(seed, name of the unit) against fixed thresholds, so adding images moves none; digests that share a
group or are near-duplicates are one unit and never part. Classes too small for thresholds are ranked by the same hash.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from pipeline.data.split import draw, folds, given, units
from pipeline.data.split.earlier import Earlier, Moved, kept_side, moves
from pipeline.data.split.given import Leak
from pipeline.data.split.settings import SplitParams
from pipeline.data.split.units import Unit
from pipeline.errors import ClassTooSmall, raise_all


@dataclass(frozen=True, eq=False)
class Division:
    """A split and how it came about.

    splits: digest, split, fold, cluster, sorted by digest; shares: split → share, of what was drawn; ranked: classes too small
    for thresholds; leaks: across given splits; moved: what left its side of the earlier split; kept: digests that did not.
    """

    splits: pd.DataFrame
    units: list[Unit]
    shares: dict[str, float]
    given: list[str]
    ranked: list[str]
    leaks: list[Leak]
    moved: list[Moved]
    kept: int


def divide(
    images: pd.DataFrame, params: SplitParams, clusters: Mapping[str, str] | None = None, earlier: Earlier | None = None
) -> Division:
    """Divide the digests of a catalog's images (label, digest, split, group).

    clusters: digest → digest of the medoid, for near-duplicates. Given splits are kept; val or test that the source does not
    give is taken out of train. Raises ClassTooSmall for every class that would be left without an image on a side, TooManyFolds.
    """
    clusters, earlier = clusters or {}, earlier or Earlier()
    given_to = given.given_sides(images, params)
    shares = given.missing_shares(given_to, params)
    bound = units.form(images, clusters)
    sides: dict[str, str] = {}
    free: dict[str, list[Unit]] = defaultdict(list)
    for unit in bound:
        decided = given.fixed(unit, given_to, params)
        sides |= decided
        rest = tuple(digest for digest in unit.digests if digest not in decided)
        if rest:
            free[unit.label].append(Unit(rest, unit.groups, unit.label))
    raise_all([error for label in sorted(free) for error in _too_small(label, free[label], shares)])
    for label in sorted(free):
        for unit, side in _sides(free[label], shares, params.seed, earlier).items():
            sides |= dict.fromkeys(unit.digests, side)
    _check_train(images, sides)
    return Division(
        splits=_table(sides, folds.of_units(bound, sides, params, earlier.folds), clusters),
        units=bound,
        shares=shares,
        given=sorted(set(given_to.values())),
        ranked=[label for label in sorted(free) if draw.is_ranked(len(free[label]), shares)],
        leaks=given.leaks(images, clusters, bound, given_to, sides, params),
        moved=moves(bound, sides, earlier),
        kept=sum(earlier.sides.get(digest) == side for digest, side in sides.items()),
    )


def _sides(free: list[Unit], shares: Mapping[str, float], seed: int, earlier: Earlier) -> dict[Unit, str]:
    """Unit → split, for the units of one class."""
    known = {unit: side for unit in free if (side := kept_side(unit.digests, earlier, (*shares, "train")))}
    new = [unit for unit in free if unit not in known]
    at = {unit: draw.position(seed, unit.key) for unit in new}
    if not draw.is_ranked(len(free), shares):
        return known | {unit: draw.side(at[unit], shares) for unit in new}
    return _ranked(sorted(new, key=lambda unit: (at[unit], unit.key)), shares, known)


def _ranked(new: list[Unit], shares: Mapping[str, float], known: dict[Unit, str]) -> dict[Unit, str]:
    """Fill each side up to its share of the images with those of `new`, in their order, that fit; at least one, train last."""
    sides, waiting = dict(known), list(new)
    wanted = draw.targets(sum(len(unit.digests) for unit in (*new, *known)), shares)
    for name in shares:
        room = wanted[name] - sum(len(unit.digests) for unit, side in sides.items() if side == name)
        spare = len(waiting) - len({*wanted} - {*sides.values(), name})  # the others are for sides that have none
        chosen: list[Unit] = []
        for unit in waiting:
            if len(chosen) < spare and room >= len(unit.digests) / 2:
                chosen.append(unit)
                room -= len(unit.digests)
        if not chosen and waiting and name not in sides.values():
            chosen = [min(waiting, key=lambda unit: len(unit.digests))]
        sides |= dict.fromkeys(chosen, name)
        waiting = [unit for unit in waiting if unit not in sides]
    return sides | dict.fromkeys(waiting, "train")


def _table(sides: Mapping[str, str], fold: Mapping[str, int], clusters: Mapping[str, str]) -> pd.DataFrame:
    digests = sorted(sides)
    return pd.DataFrame(
        {
            "digest": pd.Series(digests, dtype="str"),
            "split": pd.Series([sides[digest] for digest in digests], dtype="str"),
            "fold": pd.Series([fold.get(digest) for digest in digests], dtype="Int8"),
            "cluster": pd.Series([clusters.get(digest, digest) for digest in digests], dtype="str"),
        }
    )


def _too_small(label: str, free: list[Unit], shares: Mapping[str, float]) -> list[ClassTooSmall]:
    if len(free) > len(shares):
        return []
    digests = sum(len(unit.digests) for unit in free)
    bound = f" in {len(free)} groups that stay together" if digests > len(free) else ""
    why = f"{digests} distinct images{bound} for {len(shares) + 1} splits ({', '.join(('train', *shares))})"
    return [ClassTooSmall(f"class {label!r} is too small", why=why, remedy="add images or remove the class")]


def _check_train(images: pd.DataFrame, sides: Mapping[str, str]) -> None:
    trained = set(images["label"][images["digest"].map(sides) == "train"])
    missing = sorted(set(images["label"]) - trained)
    why, remedy = "0 images of its own in train", "add some or remove the class"
    raise_all([ClassTooSmall(f"class {label!r} is too small", why=why, remedy=remedy) for label in missing])
