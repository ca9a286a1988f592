"""Members of a zip archive, read where they lie and never beyond what they declare."""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from pathlib import Path

from pipeline.data.images.refusal import refused
from pipeline.data.sources.reading.limits import bomb
from pipeline.data.sources.reading.names import shown
from pipeline.data.sources.reading.safety import Member, check, plain
from pipeline.errors import SetBroken

_LOCAL_HEADER = struct.Struct("<4s22x2H")  # signature; lengths of name and extra field (APPNOTE 4.3.7)
_SIGNATURE = b"PK\x03\x04"
_ENCRYPTED = 0x41  # flag bits 0 and 6
_DOS = 0  # made by a system that separates folders by a backslash
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def is_zip(path: Path) -> bool:
    """Whether the file begins like a zip archive, be it an empty one."""
    with path.open("rb") as stream:
        return stream.read(4) in (_SIGNATURE, b"PK\x05\x06")


class ZipMembers:
    """files: names of the files; folders: those of the folders."""

    def __init__(self, path: Path) -> None:
        """Raises SetBroken, or SecurityRefusal for everything that such an archive may not hold."""
        self._path = path
        try:
            with zipfile.ZipFile(path) as archive:
                infos = archive.infolist()
        except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile, struct.error) as error:
            raise _broken(path, str(error)) from None
        check([_member(info) for info in infos], path.stat().st_size, str(path))
        if strange := sorted({info.compress_type for info in infos} - set(_METHODS)):
            raise _broken(path, f"compressed by method {strange[0]}; stored and deflated are read")
        self._infos = {plain(_name(info)): info for info in infos if not _is_folder(info)}
        self.files = tuple(self._infos)
        self.folders = tuple(plain(_name(info)) for info in infos if _is_folder(info))

    def size(self, name: str) -> int:
        """Bytes, as declared."""
        return self._infos[name].file_size

    def read(self, name: str) -> bytes:
        """All bytes of one file. Raises ImageRefused `broken`, SecurityRefusal when there are more than declared."""
        info = self._infos[name]
        packed = self._packed(info)
        try:
            unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
            deflated = info.compress_type == zipfile.ZIP_DEFLATED
            content = unpacker.decompress(packed, info.file_size + 1) if deflated else packed
        except zlib.error as error:
            raise refused("broken", f"in the archive: {error}") from None
        if len(content) > info.file_size:
            raise bomb(f"{self._path} {shown(name)}", f"more than the {info.file_size:,} bytes that it declares")
        if len(content) < info.file_size or zlib.crc32(content) != info.CRC:
            raise refused("broken", "in the archive: length or checksum differs", "pack it again")
        return content

    def _packed(self, info: zipfile.ZipInfo) -> bytes:
        with self._path.open("rb") as stream:
            stream.seek(info.header_offset)
            header = stream.read(_LOCAL_HEADER.size)
            if len(header) < _LOCAL_HEADER.size or not header.startswith(_SIGNATURE):
                raise refused("broken", "in the archive: no member where it should begin", "pack it again")
            _, name_length, extra_length = _LOCAL_HEADER.unpack(header)
            stream.seek(name_length + extra_length, 1)
            return stream.read(info.compress_size)


def _name(info: zipfile.ZipInfo) -> str:
    name = info.orig_filename
    return name.replace("\\", "/") if info.create_system == _DOS else name


def _is_folder(info: zipfile.ZipInfo) -> bool:
    return _name(info).endswith("/")


def _member(info: zipfile.ZipInfo) -> Member:
    return Member(_name(info), info.file_size, info.compress_size, _is_folder(info), _fault(info))


def _fault(info: zipfile.ZipInfo) -> str:
    if info.flag_bits & _ENCRYPTED:
        return "encrypted"
    kind = stat.S_IFMT(info.external_attr >> 16) if info.create_system != _DOS else 0
    if kind == stat.S_IFLNK:
        return "a link"
    return "" if kind in (0, stat.S_IFREG, stat.S_IFDIR) else "neither file nor folder"


def _broken(path: Path, why: str) -> SetBroken:
    return SetBroken("zip archive", where=str(path), why=why, remedy="pack or fetch it again")
