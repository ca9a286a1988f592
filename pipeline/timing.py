"""How long a call takes: the median of many, after some that do not count."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

WARM_UP = 10  # calls before those that count, in which kernels are chosen and memory is found
_RUNS, _FEWEST, _SECONDS = 100, 10, 0.5  # timed: at most, at least, and after which no further one is begun


def median_ms(call: Callable[[], object]) -> float:
    """Median milliseconds of one call."""
    for _ in range(WARM_UP):
        call()
    begun = time.perf_counter()
    taken: list[float] = []
    while len(taken) < _FEWEST or (len(taken) < _RUNS and time.perf_counter() - begun < _SECONDS):
        start = time.perf_counter()
        call()
        taken.append(1e3 * (time.perf_counter() - start))
    return round(statistics.median(taken), 4)
