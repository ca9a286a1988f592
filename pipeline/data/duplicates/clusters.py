"""Near-duplicates: pairs confirmed on the thumbnails, gathered into stars around a medoid, never chained further."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from pipeline.data.duplicates.candidates import all_near, candidates
from pipeline.data.duplicates.distance import Appearance

Near = Literal["auto", "off"] | float

LARGEST_SHARE = 0.01  # of all pictures; a larger cluster is no near-duplicate but a kind of picture
FEWEST = 10  # pictures that a cluster may have in any set
WIDER = 1.5  # pairs up to so many times the radius are kept, to be shown

# Pictures that hardly resemble each other may be joined from afar; the more a set's pictures are all alike (faces in one
# pose, garments on black), the nearer must a duplicate be. Likeness up to here → radius; measured, see docs/split.md.
_RADII = ((5e-5, 0.35), (3e-4, 0.2), (1.0, 0.1))
_SAMPLE = 2048  # pictures that likeness is measured on
_SAMPLED_PAIRS = 20_000  # of them
_GLYPH_RADIUS = 0.1  # the same letter twice is no duplicate


@dataclass(frozen=True, eq=False)
class NearPairs:
    """Pairs i < j of pictures (indices) with their distance, nearest first; radius: up to here they are near-duplicates."""

    radius: float
    likeness: float
    first: npt.NDArray[np.int64]
    second: npt.NDArray[np.int64]
    distance: npt.NDArray[np.float32]


def near_pairs(
    hashes: npt.NDArray[np.uint64], thumbnails: npt.NDArray[np.uint8], near: Near = "auto", kind: str = "unknown"
) -> NearPairs:
    """All candidate pairs up to WIDER × the radius, of pictures whose order decides ties; with `off` the radius is 0."""
    appearance = Appearance(thumbnails)
    alike = _likeness(hashes[:_SAMPLE], appearance)
    radius = choose_radius(near, kind, alike)
    found: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float32]]] = []
    reach = WIDER * (radius or choose_radius("auto", kind, alike))
    for pairs in candidates(hashes, appearance.brightness):
        (i, j), distance = appearance.within(pairs, reach)
        found.append((np.minimum(i, j), np.maximum(i, j), distance))
    first, second, distance = (np.concatenate(column) for column in zip(*found, strict=True)) if found else _nothing()
    order = np.lexsort((second, first, distance))
    return NearPairs(radius, alike, first[order], second[order], distance[order])


def choose_radius(near: Near, kind: str, alike: float) -> float:
    """The distance up to which two pictures are near-duplicates; 0 when they are not looked for."""
    if near == "off":
        return 0.0
    if near != "auto":
        return float(near)
    if kind == "glyphs":
        return _GLYPH_RADIUS
    return next(radius for most, radius in _RADII if alike <= most)


def stars(count: int, pairs: NearPairs) -> npt.NDArray[np.int64]:
    """For each of `count` pictures the index of its cluster's medoid, its own when it is alone.

    After Aslam, Pelekhov and Rus, The Star Clustering Algorithm (2004): whoever has most free neighbours within the radius
    becomes a medoid and takes them, and so on; so every member is within the radius of its medoid. Equal ones go by index.
    """
    neighbours = _neighbours(pairs)
    medoid = np.arange(count)
    free = set(neighbours)
    waiting = [(-len(others), centre) for centre, others in neighbours.items()]
    heapq.heapify(waiting)
    while waiting:
        most, centre = heapq.heappop(waiting)
        members = neighbours[centre] & free
        if centre not in free:
            continue
        if len(members) < -most:  # some were taken meanwhile: back into the queue
            heapq.heappush(waiting, (-len(members), centre))
            continue
        medoid[[centre, *members]] = centre
        free -= {centre, *members}
    return medoid


def too_large(medoids: Sequence[str], count: int) -> dict[str, int]:
    """medoid → size of the clusters above 1 % of `count` pictures (and above 10), largest first."""
    names, sizes = np.unique(np.asarray(medoids, dtype=object), return_counts=True)
    limit = max(FEWEST, LARGEST_SHARE * count)
    found = [(str(name), int(size)) for name, size in zip(names, sizes, strict=True) if size > limit]
    return dict(sorted(found, key=lambda item: -item[1]))


def _likeness(hashes: npt.NDArray[np.uint64], appearance: Appearance) -> float:
    """The share of all pairs (0–1) that look alike without being duplicates: near by hash, but beyond the widest radius.

    Pictures of one hash count once. As many pairs as a tenth of the pictures are not counted: a few pairs prove nothing.
    """
    unique, rows = np.unique(hashes, return_index=True)
    first, second = all_near(unique)
    if not len(first):
        return 0.0
    some = np.linspace(0, len(first) - 1, min(len(first), _SAMPLED_PAIRS)).astype(np.int64)
    duplicates, _ = appearance.within((rows[first[some]], rows[second[some]]), _RADII[0][1])
    alike = len(first) * (1 - len(duplicates[0]) / len(some)) - len(unique) / 10
    return max(0.0, alike) / (len(unique) * (len(unique) - 1) / 2)


def _neighbours(pairs: NearPairs) -> dict[int, set[int]]:
    """Picture → pictures within the radius, of those that have any."""
    found: dict[int, set[int]] = defaultdict(set)
    close = pairs.distance <= pairs.radius if pairs.radius else np.zeros(len(pairs.distance), dtype=bool)
    for i, j in zip(pairs.first[close].tolist(), pairs.second[close].tolist(), strict=True):
        found[i].add(j)
        found[j].add(i)
    return found


def _nothing() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32)
