"""How far something is that takes a while, with its rate and the time left: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TextIO, TypeVar

from tqdm import tqdm

T = TypeVar("T")

_LINE_SECONDS = 10.0  # between two lines of a log; what takes less says nothing
_LINE = "{desc}: {n_fmt} of {total_fmt}, {rate_noinv_fmt}, {remaining} left"


def shown(
    items: Iterable[T],
    total: int,
    what: str,
    unit: str = "images",
    *,
    count: Callable[[T], int] = lambda item: 1,
    stream: TextIO | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[T]:
    """The same items; `total` of a `unit` are expected, of which an item is worth `count`.

    The stream is stderr unless given, `clock` counts seconds.
    """
    stream = stream or sys.stderr
    if stream.isatty():
        with tqdm(None, what, total, file=stream, unit=f" {unit}", dynamic_ncols=True, leave=False) as bar:
            for item in items:
                yield item
                bar.update(count(item))
        return
    start = said = clock()
    done = 0
    for item in items:
        yield item
        done += count(item)
        if (now := clock()) - said >= _LINE_SECONDS:
            said = now
            print(
                tqdm.format_meter(done, total, said - start, prefix=what, unit=f" {unit}", bar_format=_LINE),
                file=stream,
                flush=True,
            )


@contextlib.contextmanager
def waiting(what: str, stream: TextIO | None = None) -> Iterator[None]:
    """Of something that has no parts to count: while the block runs a terminal shows what it is, and a log nothing."""
    stream = stream or sys.stderr
    if not stream.isatty():
        yield
        return
    print(f"{what} …", end="", file=stream, flush=True)
    try:
        yield
    finally:
        print("\r\x1b[2K", end="", file=stream, flush=True)  # the line is empty again
