"""How far ingest is, with its rate and the time left: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TextIO, TypeVar

from tqdm import tqdm

T = TypeVar("T")

_LINE_SECONDS = 10.0  # between two lines of a log; what takes less says nothing
_LINE = "{desc}: {n_fmt} of {total_fmt}, {rate_noinv_fmt}, {remaining} left"


def shown(
    items: Iterable[T], total: int, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
) -> Iterator[T]:
    """The same items; `total` of them are expected. The stream is stderr unless given, `clock` counts seconds."""
    stream = stream or sys.stderr
    if stream.isatty():
        yield from tqdm(items, "ingest", total, file=stream, unit=" images", dynamic_ncols=True, leave=False)
        return
    start = said = clock()
    for count, item in enumerate(items, 1):
        yield item
        if (now := clock()) - said >= _LINE_SECONDS:
            said = now
            line = tqdm.format_meter(count, total, said - start, prefix="ingest", unit=" images", bar_format=_LINE)
            print(line, file=stream, flush=True)
