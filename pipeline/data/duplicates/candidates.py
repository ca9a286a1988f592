"""Which pairs of pictures are worth comparing: those whose hashes differ in few bits, found without comparing all pairs.

Multi-index hashing (Norouzi, Punjani and Fleet, Fast Search in Hamming Space with Multi-Index Hashing, 2012): two hashes within
11 bits of each other differ by at most 2 bits in one of 4 bands of 16 bits, and a band is looked up in a table.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import numpy.typing as npt

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
    """Every pair i ≠ j once whose hashes differ in at most SEARCH_RADIUS bits, in pieces; of crowds only a sample.

    hashes, brightness: one a picture. More than 64 pictures of one hash are a crowd: each is compared with leaders spread over
    the range of brightness and with its neighbours in it.
    """
    order = np.lexsort((brightness, hashes))
    unique, starts, sizes = np.unique(hashes[order], return_index=True, return_counts=True)
    yield from ((order[i], order[j]) for i, j in _of_one_hash(starts, sizes))
    for a, b in _near(unique):
        yield from ((order[i], order[j]) for i, j in _members(a, b, starts, sizes))


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


def _near(unique: npt.NDArray[np.uint64]) -> Iterator[Pairs]:
    """Pairs of different hashes within SEARCH_RADIUS, each once: in the first band that has it."""
    bands = [(unique >> np.uint64(_BAND_BITS * band)).astype(np.uint16) for band in range(BANDS)]
    for band, keys in enumerate(bands):
        order = np.argsort(keys, kind="stable")
        table = np.searchsorted(keys[order], np.arange((1 << _BAND_BITS) + 1))
        for mask in _masks():
            for i, j in _lookup(keys, order, table, mask):
                near = np.bitwise_count(unique[i] ^ unique[j]) <= SEARCH_RADIUS
                for other in bands[:band]:
                    near &= np.bitwise_count(other[i] ^ other[j]) > BAND_RADIUS
                yield i[near], j[near]


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
        offsets = np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n)
        yield order[np.repeat(position[piece], n)], order[np.repeat(begin[piece], n) + offsets]


def _members(
    a: npt.NDArray[np.int64], b: npt.NDArray[np.int64], starts: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]
) -> Iterator[Pairs]:
    """Pairs of positions for pairs of hashes: each with each, or in a crowd each with the first of the other."""
    single = (sizes[a] == 1) & (sizes[b] == 1)
    yield starts[a[single]], starts[b[single]]
    for one, two in zip(a[~single], b[~single], strict=True):
        left, right = np.arange(sizes[one]) + starts[one], np.arange(sizes[two]) + starts[two]
        if len(left) * len(right) <= _CROWD:
            yield np.repeat(left, len(right)), np.tile(right, len(left))
        else:
            yield np.full(len(right), left[0]), right
            yield left[1:], np.full(len(left) - 1, right[0])


def _masks() -> list[int]:
    """Every difference of two bands that is near: 0, one bit, two bits."""
    bits = [1 << bit for bit in range(_BAND_BITS)]
    return [sum(some) for count in range(BAND_RADIUS + 1) for some in combinations(bits, count)]


def _cuts(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Where to cut so that no piece has many more than _CHUNK pairs."""
    total = np.cumsum(counts)
    return np.searchsorted(total, np.arange(_CHUNK, int(total[-1]) if len(total) else 0, _CHUNK))
