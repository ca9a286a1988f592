"""The study's database as a file: whether it still is the one that was opened, and what its errors say of it and of its disk."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from pipeline.errors import ConvoyError, DiskBroken, DiskFull, StudyLost

_PRIMARY = 0xFF  # of an extended error code of SQLite, the part that names its kind
_BROKEN = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class DatabaseFile:
    """That of a study which this process writes.

    SQLite goes on writing to a file that was deleted, and nobody would ever find what it wrote.
    """

    def __init__(self, path: Path) -> None:
        """As it is now."""
        self._path, self._opened = path, _identity(path)

    def require(self) -> None:
        """Raises StudyLost when it was deleted, or another file is in its place."""
        now = _identity(self._path)
        if now != self._opened:
            why = "it was deleted while a search wrote it" if now is None else "another file took its place"
            remedy = "bring it back, or run the same command to begin anew"
            raise StudyLost("the study", where=str(self._path), why=why, remedy=remedy)


def explained(path: Path, error: BaseException | None) -> ConvoyError | None:
    """What is wrong with this database or its disk, if SQLite said so; other libraries raise their own errors from its."""
    while error is not None and not isinstance(said := getattr(error, "orig", error), sqlite3.Error):
        error = error.__cause__
    kind = getattr(said, "sqlite_errorcode", 0) & _PRIMARY if error is not None else 0
    if kind == sqlite3.SQLITE_FULL:
        return DiskFull("the study", where=str(path), why=str(said), remedy="free space and run the same command again")
    if kind in _BROKEN:
        remedy = "look after the disk, the mount or its permissions, then run the same command again"
        return DiskBroken("the study", where=str(path), why=str(said), remedy=remedy)
    if kind in _DAMAGED:
        remedy = "bring back a copy of it, or delete it to begin anew"
        return StudyLost("the study", where=str(path), why=str(said), remedy=remedy)
    return None


def _identity(path: Path) -> tuple[int, int] | None:
    """None when there is no such file."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
