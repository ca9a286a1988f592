"""Where what belongs to trials is kept: in a folder, or where several machines reach it. One small interface for both."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Protocol

from pipeline import artifacts

SHARED = "shared"  # the name of a file that is there for every node that sees the storage of a search
_PIECE = 2**20  # bytes


class StorageLost(Exception):
    """The storage does not answer, again and again: no fault of the trial, which goes on elsewhere or later."""


class Storage(Protocol):
    """Files by name, in one place. Who reads one sees all of what was written last, or of what was there before."""

    def read(self, name: str) -> bytes | None:
        """Its content; None when there is none."""

    def write(self, name: str, content: bytes) -> None:
        """Put it in the place of what was there."""

    def fetch(self, name: str, file: Path) -> bool:
        """Write its content to a file of this machine, in pieces; False when there is none."""

    def send(self, name: str, file: Path) -> None:
        """Put the content of a file of this machine in the place of what was there, in pieces."""

    def append(self, name: str, line: str) -> None:
        """One line more; others do not write to the same file meanwhile, unless it is in a folder of one machine."""

    def names(self) -> list[str]:
        """Of all files."""

    def delete(self, name: str) -> None:
        """Nothing happens when there is none."""


class Folder:
    """Of this machine, or one that several see."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, name: str) -> bytes | None:
        """Its content; None when there is none."""
        try:
            return (self._path / name).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """Atomic and durable; raises DiskFull."""
        artifacts.write_bytes(self._path / name, content)

    def fetch(self, name: str, file: Path) -> bool:
        """Write its content to another file; False when there is none."""
        try:
            with (self._path / name).open("rb") as source, file.open("wb") as target:
                shutil.copyfileobj(source, target, _PIECE)
        except FileNotFoundError:
            return False
        return True

    def send(self, name: str, file: Path) -> None:
        """Atomic and durable; raises DiskFull."""
        with file.open("rb") as source, artifacts.writing(self._path / name) as target:
            shutil.copyfileobj(source, target, _PIECE)

    def append(self, name: str, line: str) -> None:
        """In a single write; raises DiskFull."""
        artifacts.append_line(self._path / name, line)

    def names(self) -> list[str]:
        """Of all files."""
        return sorted(path.name for path in self._path.iterdir() if path.is_file()) if self._path.is_dir() else []

    def delete(self, name: str) -> None:
        """Nothing happens when there is none."""
        (self._path / name).unlink(missing_ok=True)
