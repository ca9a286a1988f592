"""The idx format of MNIST: two zero bytes, 8 for unsigned bytes, the number of dimensions, their sizes big-endian, the values."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import numpy.typing as npt

from pipeline.data.sources.reading.limits import bomb, excess
from pipeline.errors import SetBroken

_UNSIGNED_BYTES = 8


def read_idx(path: Path, dimensions: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """The values, read-only; mapped from a plain file, in memory from a .gz. The number of dimensions is one of `dimensions`.

    Raises SetBroken, or SecurityRefusal for a .gz that claims far more than its size allows.
    """
    try:
        if path.suffix.lower() != ".gz":
            return _mapped(path, dimensions)
        with gzip.open(path, "rb") as stream:
            return _unpacked(cast(BinaryIO, stream), path, dimensions)
    except (OSError, EOFError, ValueError, struct.error, zlib.error) as error:
        raise SetBroken("idx file", where=str(path), why=str(error), remedy="fetch the file again") from None


def _mapped(path: Path, dimensions: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    with path.open("rb") as stream:
        shape = _shape(stream, dimensions)
    start, size = 4 + 4 * len(shape), path.stat().st_size
    _check_length(size - start, shape)
    if not math.prod(shape):  # nothing can be mapped of nothing
        return np.zeros(shape, np.uint8)
    return np.memmap(path, np.uint8, "r", offset=start, shape=shape)


def _unpacked(stream: BinaryIO, path: Path, dimensions: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    shape = _shape(stream, dimensions)
    expected = math.prod(shape)
    if why := excess(expected, path.stat().st_size):
        raise bomb(str(path), why)
    content = stream.read(expected + 1)
    _check_length(len(content), shape)
    return np.frombuffer(content, np.uint8, count=expected).reshape(shape)


def _shape(stream: BinaryIO, dimensions: tuple[int, ...]) -> tuple[int, ...]:
    start = stream.read(4)
    if len(start) < 4 or start[:2] != b"\0\0":
        raise ValueError("it does not begin like an idx file")
    if start[2] != _UNSIGNED_BYTES or start[3] not in dimensions:
        wanted = " or ".join(map(str, dimensions))
        raise ValueError(f"values of type {start[2]} in {start[3]} dimensions, not unsigned bytes (8) in {wanted}")
    return struct.unpack(f">{start[3]}I", stream.read(4 * start[3]))


def _check_length(found: int, shape: tuple[int, ...]) -> None:
    expected = math.prod(shape)
    if found != expected:
        word = f"only {found:,} of" if found < expected else "more than"
        raise ValueError(f"it holds {word} {expected:,} values")
