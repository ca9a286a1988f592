"""Which pairs of pictures are worth comparing: those whose hashes differ in few bits, found without comparing all pairs.

Multi-index hashing (Norouzi, Punjani and Fleet, Fast Search in Hamming Space with Multi-Index Hashing, 2012): two hashes within
11 bits of each other differ by at most 2 bits in one of 4 bands of 16 bits, and a band is looked up in a table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, combinations, product

import numpy as np
import numpy.typing as npt

from pipeline.data.progress import shown

BANDS = 4
BAND_RADIUS = 2  # bits
SEARCH_RADIUS = BANDS * (BAND_RADIUS + 1) - 1  # bits: nearer hashes are never missed, save in a crowd

_BAND_BITS = 64 // BANDS
_CROWD = 64  # pictures of one hash, or hashes looked up at once; more are sampled, so that the work stays linear
_LEADERS = 4  # of a crowd, with which each of it is compared
_NEIGHBOURS = 4  # in the order of brightness, likewise
_CHUNK = 1 << 21  # pairs held at a time

Pairs = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]  # indices, one array a side


def candidates(hashes: npt.NDArray[np.uint64], brightness: npt.NDArray[np.float32]) -> Iterator[Pairs]:
    """Every pair i ≠ j once whose hashes differ in at most SEARCH_RADIUS bits, in large pieces; of crowds only a sample.

    hashes, brightness: one a picture. More than 64 pictures of one hash are a crowd: each is compared with leaders spread over
    the range of brightness and with its neighbours in it.
    """
    order = np.lexsort((brightness, hashes))
    unique, starts, sizes = np.unique(hashes[order], return_index=True, return_counts=True)
    among_equal = _of_one_hash(starts, sizes)
    among_near = (pair for a, b in _near(unique) for pair in _members(a, b, starts, sizes))
    yield from ((order[i], order[j]) for i, j in _gathered(chain(among_equal, among_near)))


def all_near(hashes: npt.NDArray[np.uint64]) -> Pairs:
    """Every pair i < j whose hashes differ in at most SEARCH_RADIUS bits, by comparing all: for some thousand pictures."""
    found = [np.flatnonzero(np.bitwise_count(hashes[i + 1 :] ^ hashes[i]) <= SEARCH_RADIUS) + i + 1 for i in range(len(hashes))]
    first = np.repeat(np.arange(len(hashes)), [len(second) for second in found])
    return first, np.concatenate(found) if found else np.empty(0, dtype=np.int64)


def _of_one_hash(starts: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]) -> Iterator[Pairs]:
    """Pairs of positions inside each run of equal hashes."""
    for start, size in zip(starts[sizes > 1], sizes[sizes > 1], strict=True):
        if size <= _CROWD:
            first, second = np.triu_indices(size, 1)
            yield first + start, second + start
        else:
            yield from _of_a_crowd(int(start), int(size))


def _of_a_crowd(start: int, size: int) -> Iterator[Pairs]:
    position = np.arange(size)
    leaders = np.linspace(0, size - 1, _LEADERS).astype(np.int64)
    for leader in leaders:
        others = position[~np.isin(position, leaders[leaders <= leader])]
        yield np.full(len(others), leader + start), others + start
    for step in range(1, _NEIGHBOURS + 1):
        first = position[:-step]
        fresh = ~np.isin(first, leaders) & ~np.isin(first + step, leaders)
        yield first[fresh] + start, first[fresh] + step + start


@dataclass(frozen=True, eq=False)
class _Band:
    """16 bits of every hash, and where to look them up: positions by key, the first of each key, the place among those of it."""

    keys: npt.NDArray[np.uint16]
    order: npt.NDArray[np.int64]
    table: npt.NDArray[np.int64]
    place: npt.NDArray[np.int64]

    @classmethod
    def of(cls, unique: npt.NDArray[np.uint64], band: int) -> _Band:
        """Number `band` of the hashes."""
        keys = (unique >> np.uint64(_BAND_BITS * band)).astype(np.uint16)
        order = np.argsort(keys, kind="stable")
        table = np.searchsorted(keys[order], np.arange((1 << _BAND_BITS) + 1))
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order)) - table[keys[order]]
        return cls(keys, order, table, place)


def _near(unique: npt.NDArray[np.uint64]) -> Iterator[Pairs]:
    """Pairs of different hashes within SEARCH_RADIUS, each once: in the first band that finds it."""
    bands = [_Band.of(unique, band) for band in range(BANDS)]
    steps = list(product(range(BANDS), _masks()))
    for number, mask in shown(steps, len(steps), "near-duplicates", "lookups"):
        band = bands[number]
        for one, other in _lookup(band.keys, band.order, band.table, mask):
            near = np.bitwise_count(unique[one] ^ unique[other]) <= SEARCH_RADIUS
            i, j = one[near], other[near]
            fresh = np.ones(len(i), dtype=bool)
            for earlier in bands[:number]:
                fresh &= ~_looked_up(earlier.keys, earlier.place, i, j)
            yield i[fresh], j[fresh]


def _looked_up(
    keys: npt.NDArray[np.uint16], place: npt.NDArray[np.int64], i: npt.NDArray[np.int64], j: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Whether _lookup finds these pairs in a band, by their keys and their places among those of equal key."""
    apart = keys[i] ^ keys[j]
    lowest = apart & (~apart + np.uint16(1))
    behind = np.where(keys[i] & lowest, place[i], place[j])  # the one with the bit is looked up by the one without
    steps = np.where(apart == 0, np.abs(place[i] - place[j]) - 1, behind)
    found: npt.NDArray[np.bool_] = (np.bitwise_count(apart) <= BAND_RADIUS) & (steps < _CROWD)
    return found


def _lookup(
    keys: npt.NDArray[np.uint16], order: npt.NDArray[np.int64], table: npt.NDArray[np.int64], mask: int
) -> Iterator[Pairs]:
    """Pairs whose keys differ exactly in `mask`, each once, in pieces; of each picture at most _CROWD."""
    if mask:
        position = np.flatnonzero((keys[order] & np.uint16(mask & -mask)) == 0)
        wanted = keys[order[position]] ^ np.uint16(mask)
        begin = table[wanted]
    else:
        position = np.arange(len(order))
        wanted = keys[order]
        begin = position + 1
    counts = np.minimum(table[wanted.astype(np.int64) + 1] - begin, _CROWD)
    some = counts > 0
    position, begin, counts = position[some], begin[some], counts[some]
    for piece in np.split(np.arange(len(counts)), _cuts(counts)):
        n = counts[piece]
        yield order[np.repeat(position[piece], n)], order[np.repeat(begin[piece], n) + _up_to(n)]


def _members(
    a: npt.NDArray[np.int64], b: npt.NDArray[np.int64], starts: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]
) -> Iterator[Pairs]:
    """Pairs of positions for pairs of hashes: each with each, or in a crowd each with the first of the other."""
    counts = sizes[a] * sizes[b]
    few = counts <= _CROWD
    n = counts[few]
    width = np.repeat(sizes[b[few]], n)
    yield np.repeat(starts[a[few]], n) + _up_to(n) // width, np.repeat(starts[b[few]], n) + _up_to(n) % width
    for one, two in zip(a[~few], b[~few], strict=True):
        left, right = np.arange(sizes[one]) + starts[one], np.arange(sizes[two]) + starts[two]
        yield np.full(len(right), left[0]), right
        yield left[1:], np.full(len(left) - 1, right[0])


def _up_to(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """0 to n − 1 for each n of `counts`, one after the other."""
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)


def _masks() -> list[int]:
    """Every difference of two bands that is near: 0, one bit, two bits."""
    bits = [1 << bit for bit in range(_BAND_BITS)]
    return [sum(some) for count in range(BAND_RADIUS + 1) for some in combinations(bits, count)]


def _gathered(pieces: Iterable[Pairs]) -> Iterator[Pairs]:
    """The same pairs in pieces of about _CHUNK: whoever takes them has work a piece, and some pieces are a single pair."""
    held: list[Pairs] = []
    count = 0
    for piece in pieces:
        held.append(piece)
        count += len(piece[0])
        if count >= _CHUNK:
            yield _joined(held)
            held, count = [], 0
    if count:
        yield _joined(held)


def _joined(pieces: list[Pairs]) -> Pairs:
    return np.concatenate([first for first, _ in pieces]), np.concatenate([second for _, second in pieces])


def _cuts(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Where to cut so that no piece has many more than _CHUNK pairs."""
    total = np.cumsum(counts)
    return np.searchsorted(total, np.arange(_CHUNK, int(total[-1]) if len(total) else 0, _CHUNK))
