"""Which images a model was trained on, in 8 bytes an image: so that it is never tested on one of them."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt


def to_bytes(digests: Iterable[str]) -> bytes:
    """A .npy of them; `shared` reads it."""
    stream = io.BytesIO()
    np.save(stream, np.sort(_shortened(digests)), allow_pickle=False)
    return stream.getvalue()


def shared(trained: bytes, digests: Iterable[str]) -> int:
    """How many of these images are among them."""
    return int(np.isin(_shortened(digests), np.load(io.BytesIO(trained), allow_pickle=False)).sum())


def _shortened(digests: Iterable[str]) -> npt.NDArray[np.uint64]:
    """64 bits each: among a million images, two are taken for one with a chance of one in thirty million."""
    return np.array([int.from_bytes(hashlib.sha256(digest.encode()).digest()[:8]) for digest in digests], dtype=np.uint64)
