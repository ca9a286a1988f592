"""Members of a tar archive, read where they lie; a compressed one becomes, once, a tar without compression."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pipeline.data.images.refusal import refused
from pipeline.data.sources.downloads import Downloads, store
from pipeline.data.sources.reading.files import own_stamp
from pipeline.data.sources.reading.limits import bomb, excess
from pipeline.data.sources.reading.safety import Member, check, plain
from pipeline.errors import SetBroken

PACKERS = {b"\x1f\x8b": gzip.GzipFile, b"BZh": bz2.BZ2File, b"\xfd7zXZ\x00": lzma.LZMAFile}  # first bytes → what unpacks it
_PIECE_BYTES = 1 << 20
_BLOCK_BYTES = 512
_ERRORS = (OSError, EOFError, ValueError, OverflowError, RecursionError, tarfile.TarError, zlib.error, lzma.LZMAError)


class TarMembers:
    """files: names of the files; folders: those of the folders."""

    def __init__(self, path: Path) -> None:
        """`path` is a tar without compression. Raises SetBroken, or SecurityRefusal for everything that it may not hold."""
        self._path = path
        self._places: dict[str, tuple[int, int]] = {}  # name → first byte, bytes
        folders: list[str] = []
        members: list[Member] = []
        for info in _infos(path):
            members.append(Member(info.name, info.size, info.size, info.isdir(), _fault(info)))
            if info.isdir():
                folders.append(plain(info.name))
            else:
                self._places[plain(info.name)] = (info.offset_data, info.size)
        check(members, path.stat().st_size, str(path))
        self.files, self.folders = tuple(self._places), tuple(folders)

    def size(self, name: str) -> int:
        """Bytes."""
        return self._places[name][1]

    def read(self, name: str) -> bytes:
        """All bytes of one file; raises ImageRefused `truncated`."""
        start, size = self._places[name]
        with self._path.open("rb") as stream:
            stream.seek(start)
            content = stream.read(size)
        if len(content) < size:
            raise refused("truncated", "the archive ends too early", "fetch or pack it again")
        return content


def unpacked(path: Path, downloads: Downloads) -> Path:
    """`path`, or when it is compressed the same tar without compression, below `downloads.folder`.

    That copy is kept until the archive changes. Raises SetBroken, SecurityRefusal, DiskFull.
    """
    with path.open("rb") as stream:
        start = stream.read(6)
    packer = next((packer for signature, packer in PACKERS.items() if start.startswith(signature)), None)
    if packer is None:
        return path
    origin = hashlib.sha256(bytes(path.resolve())).hexdigest()[:16]
    state = hashlib.sha256(str(own_stamp(path)).encode()).hexdigest()[:16]
    copy = downloads.folder / "unpacked" / f"{origin}-{state}.tar"
    if not copy.is_file():
        store(copy, _pieces(path, packer))
        for old in copy.parent.glob(f"{origin}-*.tar"):
            if old != copy:
                old.unlink(missing_ok=True)
    return copy


def _pieces(path: Path, packer: Callable[[Path], gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile]) -> Iterator[bytes]:
    total, packed = 0, path.stat().st_size
    try:
        with packer(path) as stream:
            while piece := stream.read(_PIECE_BYTES):
                total += len(piece)
                if why := excess(total, packed):
                    raise bomb(str(path), why)
                yield piece
    except _ERRORS as error:
        raise _broken(path, str(error)) from None


def _infos(path: Path) -> Iterator[tarfile.TarInfo]:
    """Every header. tarfile takes a damaged one for the end, so the end mark is looked for."""
    try:
        with tarfile.open(path, "r:", encoding="utf-8", errors="surrogateescape") as tar:
            while (info := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined]  # else all of them are kept
                if info.size < 0:  # it would lead back to where tarfile has been, for ever
                    raise ValueError(f"a member of {info.size} bytes")
                yield info
            end: Any = tar.offset
    except _ERRORS as error:
        raise _broken(path, str(error)) from None
    with path.open("rb") as stream:
        stream.seek(end)
        if stream.read(_BLOCK_BYTES) != bytes(_BLOCK_BYTES):
            raise _broken(path, "it ends without its end mark, or a header is damaged")


def _fault(info: tarfile.TarInfo) -> str:
    if info.issym() or info.islnk():
        return "a link"
    if info.issparse():
        return "a sparse file"
    return "" if info.isfile() or info.isdir() else "neither file nor folder"


def _broken(path: Path, why: str) -> SetBroken:
    return SetBroken("tar archive", where=str(path), why=why, remedy="pack or fetch it again")
