"""What is best when several things are wanted at once: the fronts of rows in each of which less is better."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import accumulate

import numpy as np
import numpy.typing as npt


def ranks(losses: Sequence[Sequence[float]]) -> list[int]:
    """The front of each row: 0 for those that no other dominates, 1 for those that only these dominate, and so on.

    A row dominates another when it is nowhere worse and somewhere better (non-dominated sorting, Deb et al. 2002), so equal rows
    are on one front, and with a single column a front is a value. What holds anything that is not finite is behind all others.
    """
    if not losses:
        return []
    rows = np.array(losses, dtype=np.float64)
    rows[~np.isfinite(rows).all(axis=1)] = np.inf
    distinct, place = np.unique(rows, axis=0, return_inverse=True)  # sorted: a row is dominated by earlier ones only
    found = np.arange(len(distinct)) if distinct.shape[1] == 1 else _peeled(distinct)
    return [int(front) for front in found[place.reshape(-1)]]


def ahead(losses: Sequence[Sequence[float]]) -> list[int]:
    """Of each row, how many are on better fronts."""
    fronts = ranks(losses)
    better = [0, *accumulate(count for _, count in sorted(Counter(fronts).items()))]
    return [better[front] for front in fronts]


def _peeled(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """The front of each of these distinct, sorted rows."""
    found = np.zeros(len(rows), dtype=np.int64)
    left, front = np.arange(len(rows)), 0
    while left.size:
        best = _undominated(rows[left])
        found[left[best]] = front
        left, front = np.delete(left, best), front + 1
    return found


def _undominated(rows: npt.NDArray[np.float64]) -> list[int]:
    """Which of these distinct, sorted rows no other dominates: the first one, the first that it does not dominate, and so on."""
    found: list[int] = []
    left = np.arange(len(rows))
    while left.size:
        found.append(int(left[0]))
        left = left[(rows[left] < rows[left[0]]).any(axis=1)]
    return found
