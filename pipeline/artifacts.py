"""The one home of file writing: atomic, durable, with a sha256 that is verified on read."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from pipeline.errors import DigestMismatch, DiskBroken, DiskError, DiskFull, MissingFile

MANIFEST = "manifest.json"
_FULL = (errno.ENOSPC, errno.EDQUOT)
_BROKEN = (errno.EIO, errno.EROFS, errno.ESTALE)


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` so that a reader sees all of it or the old file: temporary file, fsync, rename, fsync of the folder.

    Raises DiskFull when there is no space or quota left, DiskBroken when the disk fails. After an fsync that failed nothing is
    known of the file, so it is never tried again: the file is thrown away.
    """
    with writing(path) as file:
        file.write(content)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """A file to write to piece by piece, which takes the place of `path` when all went well, as write_bytes does it."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        yield file


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """An empty file beside `path` for those who write by name, which takes the place of `path` in the same way."""
    with _naming_the_disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.")
        try:
            os.fchmod(handle, 0o644)
            yield Path(temporary)
            os.fsync(handle)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        finally:
            os.close(handle)
        _sync_folder(path.parent)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically: sorted keys, two spaces, NaN refused."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """The value stored in `path`; raises MissingFile naming the file."""
    return json.loads(read_bytes(path))


def read_bytes(path: Path) -> bytes:
    """The content of `path`; raises MissingFile naming the file."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise MissingFile(str(path), why="there is no such file", remedy="run `dvc repro`, which writes it") from None


def sha256(content: bytes) -> str:
    """Hexadecimal sha256 of `content`."""
    return hashlib.sha256(content).hexdigest()


def file_digest(path: Path) -> str:
    """Hexadecimal sha256 of a file, read in pieces; raises MissingFile."""
    if not path.is_file():
        read_bytes(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_sealed(path: Path, content: bytes) -> None:
    """Write `content` behind its own sha256, in one file, so that the two can never be torn apart."""
    write_bytes(path, sealed(content))


def read_sealed(path: Path) -> bytes:
    """The content written by write_sealed; raises MissingFile, or DigestMismatch when a bit changed."""
    return unsealed(str(path), read_bytes(path))


def sealed(content: bytes) -> bytes:
    """`content` behind its own sha256."""
    return hashlib.sha256(content).digest() + content


def unsealed(where: str, content: bytes) -> bytes:
    """What was sealed; raises DigestMismatch when a bit changed."""
    digest, content = content[:32], content[32:]
    if hashlib.sha256(content).digest() != digest:
        name = where.rpartition("/")[2]
        raise DigestMismatch(name, where=where, why="sha256 differs from the stored one", remedy="delete the file")
    return content


def write_manifest(folder: Path) -> None:
    """Write manifest.json: the sha256 of every other file below `folder`."""
    write_json(folder / MANIFEST, {name: file_digest(folder / name) for name in _files(folder)})


def verify_manifest(folder: Path) -> dict[str, str]:
    """File → sha256 as listed in manifest.json, each verified; raises MissingFile or DigestMismatch."""
    manifest: dict[str, str] = read_json(folder / MANIFEST)
    for name, expected in manifest.items():
        found = file_digest(folder / name)
        if found != expected:
            why = f"expected sha256 {expected[:12]}…, found {found[:12]}…"
            raise DigestMismatch(name, where=str(folder / name), why=why, remedy="write or fetch it again")
    return manifest


def keep_only(folder: Path, names: Iterable[str]) -> None:
    """Delete the files in `folder`, other than `names`, that an earlier run left; folders in it stay."""
    kept = set(names)
    for path in folder.iterdir():
        if path.is_file() and path.name not in kept:
            path.unlink()


def append_line(path: Path, line: str) -> None:
    """Append one line in a single write, so that lines of several processes never mix; raises DiskFull, DiskBroken."""
    with _naming_the_disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(handle, f"{line}\n".encode())
        finally:
            os.close(handle)


def disk_error(error: OSError, where: str) -> DiskError | None:
    """What it says of the disk, whoever wanted to write; None when that is not to blame."""
    if error.errno in _FULL:
        return DiskFull(where, why=str(error.strerror), remedy="free space and run the same command again")
    if error.errno in _BROKEN:
        remedy = "look after the disk or the mount, then run the same command again"
        return DiskBroken(where, why=str(error.strerror), remedy=remedy)
    return None


def _files(folder: Path) -> list[str]:
    files = (path for path in folder.rglob("*") if path.is_file() and path != folder / MANIFEST)
    return sorted(str(path.relative_to(folder)) for path in files)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _naming_the_disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if (trouble := disk_error(error, str(path))) is not None:
            raise trouble from error
        raise
