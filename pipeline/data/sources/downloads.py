"""Fetching the files of named sets: resumed where they broke off, checked by sha256 before they get their name."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline import layout
from pipeline.errors import DiskFull, DownloadFailed

_ATTEMPTS = 4  # at one address, when the connection broke or the server was busy


@dataclass(frozen=True)
class RemoteFile:
    """A file on the network: urls are tried in order; size in bytes; sha256 hexadecimal."""

    name: str
    urls: tuple[str, ...]
    size: int
    sha256: str


@dataclass(frozen=True)
class Downloads:
    """Files fetched from elsewhere or unpacked, below `folder`; fetch: whether the network may be used.

    pause_seconds: before the second attempt; it doubles each time.
    """

    folder: Path
    fetch: bool
    pause_seconds: float = 1.0

    def get(self, set_name: str, file: RemoteFile) -> Path:
        """The file in `folder`/`set_name`, its sha256 verified; fetched when it is not there or not the right one.

        Raises DownloadFailed when no address brings it or `fetch` is off; DiskFull.
        """
        path = self.folder / set_name / file.name
        if _is_right(path, file):
            return path
        if not self.fetch:
            why = "it is not what was published" if path.exists() else "it is not there"
            remedy = f"set ingest.download: true, or put it there (sha256 {file.sha256[:12]}…)"
            raise DownloadFailed("file", where=str(path), why=why, remedy=remedy)
        with _only_one(path):
            if not _is_right(path, file):  # while this one waited, another process may have fetched it
                self._fetch(path, file)
        return path

    def _fetch(self, path: Path, file: RemoteFile) -> None:
        print(f"fetching {path} ({file.size:,} bytes, sha256 {file.sha256})", file=sys.stderr)
        failures: list[str] = []
        for url in file.urls:
            why = self._fetch_from(url, path, file)
            if why is None:
                return
            print(f"{url}: {why}", file=sys.stderr)
            failures.append(why)
        remedy = f"put it into {path.parent} (sha256 {file.sha256[:12]}…)"
        raise DownloadFailed("download", where=file.urls[0], why=failures[0], remedy=remedy)

    def _fetch_from(self, url: str, path: Path, file: RemoteFile) -> str | None:
        """None when the file is in place, else why not."""
        from pipeline.data.sources.reading.transfer import BrokenOffError, RefusedError, receive  # its libraries load slowly

        part = _part(path)
        why = ""
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(self.pause_seconds * 2 ** (attempt - 1))
            resumed = part.exists() and part.stat().st_size > 0
            try:
                with _naming_the_disk(path):
                    receive(url, part, file.size)
            except BrokenOffError as broken:
                why = str(broken)
                continue
            except RefusedError as refusal:
                why = str(refusal)
                if attempt:  # it did answer before
                    continue
                return why
            found = _digest(part)
            if found == file.sha256:
                _put(part, path)
                return None
            part.unlink()
            why = f"sha256 is {found[:12]}…"
            if not resumed:  # else the beginning may have been of another file: once more, from the start
                return why
        return why


def store(path: Path, pieces: Iterable[bytes]) -> None:
    """Write `pieces` as the file `path`, which appears whole or not at all; raises DiskFull."""
    with _only_one(path):
        part = _part(path)
        try:
            with _naming_the_disk(path), part.open("wb") as stream:
                for piece in pieces:
                    stream.write(piece)
            _put(part, path)
        finally:
            part.unlink(missing_ok=True)


def default() -> Downloads:
    """Below state/ of the project in the working directory, without using the network."""
    return Downloads(layout.downloads(Path.cwd()), fetch=False)


def _part(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def _put(part: Path, path: Path) -> None:
    with part.open("rb") as stream:
        os.fsync(stream.fileno())
    part.replace(path)


def _is_right(path: Path, file: RemoteFile) -> bool:
    return path.is_file() and path.stat().st_size == file.size and _digest(path) == file.sha256


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def _only_one(path: Path) -> Iterator[None]:
    """Processes that want the same file take turns; the lock ends with its process."""
    with _naming_the_disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(f".{path.name}.lock").open("wb")
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _naming_the_disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(str(path), why=str(error.strerror), remedy="free space and run the same command again") from error
        raise
