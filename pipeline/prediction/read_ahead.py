"""Image files decoded in their order: by threads, ahead of the network, where that is quicker than one file after the other.

Threads help with photos, which are decoded without Python's lock. Small images spend most of their time in Python itself, where
each thread that takes the lock holds up the network too: they are decoded where they are asked for.
"""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

from pipeline.data.images.decode import refused
from pipeline.data.images.decoding import Decoding
from pipeline.data.workers import worker_count
from pipeline.prediction.answer import Decoded, Prediction, decoded, silence_pillow

Images = list[Decoded | Prediction]

_FILES_EACH = 8  # that are decoded before they are handed over
_WORTH_THREADS = 0.002  # seconds that a handful takes in this thread
_AT_FIRST, _AT_MOST = 8, 512  # handfuls that threads decode before one is timed here again


def read_ahead(decoding: Decoding, paths: Iterable[Path]) -> Iterator[Decoded | Prediction]:
    """One a path, in order; no more than a handful a core, and one, are ever ahead of what was asked for."""
    silence_pillow()
    handfuls = iter(_handfuls(paths))
    stretch = _AT_FIRST
    for handful in handfuls:
        began = time.perf_counter()
        images = _read_all(decoding, handful)
        slow = time.perf_counter() - began > _WORTH_THREADS
        yield from images
        if slow:
            yield from _by_threads(decoding, itertools.islice(handfuls, stretch))
        stretch = min(8 * stretch, _AT_MOST) if slow else _AT_FIRST


def _by_threads(decoding: Decoding, handfuls: Iterable[Sequence[Path]]) -> Iterator[Decoded | Prediction]:
    threads = worker_count("auto")
    waiting: deque[Future[Images]] = deque()
    with ThreadPoolExecutor(threads, "decode") as pool:
        try:
            for handful in handfuls:
                waiting.append(pool.submit(_read_all, decoding, handful))
                if len(waiting) > threads:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:  # whoever asked has gone
            pool.shutdown(wait=False, cancel_futures=True)


def _handfuls(paths: Iterable[Path]) -> Iterator[list[Path]]:
    remaining = iter(paths)
    return iter(lambda: list(itertools.islice(remaining, _FILES_EACH)), [])


def _read_all(decoding: Decoding, paths: Sequence[Path]) -> Images:
    return list(map(partial(_read, decoding), paths))


def _read(decoding: Decoding, path: Path) -> Decoded | Prediction:
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = refused("unreadable", str(error.strerror))
        return Prediction(str(path), reason=f"{reason.what}: {reason.why}")
    return decoded(decoding, content, str(path))
