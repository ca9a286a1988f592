"""NumPy's .npy and .npz files, without pickles: mapped where they lie unpacked, read into memory where they do not."""

from __future__ import annotations

import math
import struct
import zipfile
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import numpy as np
import numpy.typing as npt

from pipeline.data.sources.reading.limits import bomb, excess
from pipeline.errors import SetBroken

_LOCAL_HEADER = struct.Struct("<26x2H")  # of a zip member: the lengths of its name and extra field end it
_HARMLESS_BYTES = 1 << 24  # a million sorted labels pack a thousandfold


def map_npy(path: Path) -> npt.NDArray[Any]:
    """The array in a .npy file, mapped read-only; raises SetBroken."""
    try:
        with path.open("rb") as stream:
            return _mapped(path, stream, path.stat().st_size)
    except Exception as error:  # numpy parses the header as Python, which raises nearly anything
        raise _broken(path, error) from None


class Npz:
    """The arrays of a .npz file by name, each read when it is asked for."""

    def __init__(self, path: Path) -> None:
        """Raises SetBroken when it is no zip archive, SecurityRefusal when one of its arrays is packed too tightly."""
        self._path = path
        try:
            with zipfile.ZipFile(path) as archive:
                self._members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        except Exception as error:  # as zipfile does of a hostile directory
            raise _broken(path, error) from None

    def names(self) -> list[str]:
        """Without .npy."""
        return sorted(self._members)

    def read(self, name: str) -> npt.NDArray[Any]:
        """Mapped when numpy.savez wrote the file, in memory when savez_compressed did; raises SetBroken, SecurityRefusal."""
        info = self._members[name]
        if why := excess(info.file_size, info.compress_size, _HARMLESS_BYTES):
            raise bomb(f"{self._path} {name}", why)
        try:
            if info.compress_type == zipfile.ZIP_STORED:
                with self._path.open("rb") as stream:
                    stream.seek(info.header_offset)
                    stream.seek(sum(_LOCAL_HEADER.unpack(stream.read(_LOCAL_HEADER.size))), 1)
                    return _mapped(self._path, stream, stream.tell() + info.file_size)
            with zipfile.ZipFile(self._path) as archive, archive.open(info) as member:
                return _loaded(cast(BinaryIO, member), info.file_size)
        except Exception as error:
            raise _broken(self._path, error, name) from None


def _mapped(path: Path, stream: BinaryIO, end: int) -> npt.NDArray[Any]:
    """The array whose header begins where `stream` stands, and which lasts until byte `end` of the file."""
    shape, order, dtype = _header(stream, end)
    if 0 in shape:  # nothing can be mapped of nothing
        return np.zeros(shape, dtype)
    return np.memmap(path, dtype, "r", offset=stream.tell(), shape=shape, order=order)


def _loaded(stream: BinaryIO, end: int) -> npt.NDArray[Any]:
    """The same for a stream that has to be unpacked."""
    shape, order, dtype = _header(stream, end)
    return np.ndarray(shape, dtype, stream.read(), order=order)


def _header(stream: BinaryIO, end: int) -> tuple[tuple[int, ...], Literal["C", "F"], np.dtype[Any]]:
    """Shape, order of the dimensions and type, when they fill the stream up to byte `end`."""
    version = np.lib.format.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"a header of version {version}")
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = header(stream)
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are pickled")
    if stream.tell() + math.prod(shape) * dtype.itemsize != end:
        raise ValueError(f"it does not hold the {'×'.join(map(str, shape))} values that it claims")
    return shape, "F" if fortran else "C", dtype


def _broken(path: Path, error: Exception, name: str = "") -> SetBroken:
    where, why = f"{path} {name}".strip(), str(error) or type(error).__name__
    return SetBroken("array file", where=where, why=why, remedy="save it again with numpy.savez, without pickles")
