"""Which files are meant: files, folders, patterns and CSV files with a column of paths, one path after the other."""

from __future__ import annotations

import csv
import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline.config import did_you_mean
from pipeline.data.junk import junk
from pipeline.errors import ManifestBroken, MissingFile

_PATTERN = ("*", "?", "[")


def files(words: Iterable[str | Path], column: str = "path") -> Iterator[Path]:
    """In the order of `words`; the files of a folder and of a pattern sorted, hidden ones in a folder left out.

    A path in a CSV file is relative to the file's folder. A name that is not there is passed on, to be refused by name. Raises
    MissingFile for a pattern that nothing fits, ManifestBroken for a CSV file without the column.
    """
    for word in map(Path, words):
        if word.is_dir():
            yield from _below(word)
        elif word.suffix.lower() == ".csv":
            yield from _listed(word, column)
        elif any(sign in str(word) for sign in _PATTERN) and not word.exists():
            yield from _fitting(str(word))
        else:
            yield word


def _below(folder: Path) -> Iterator[Path]:
    """A folder at a time, so that a million names need not be held."""
    with os.scandir(folder) as found:
        entries = sorted((entry for entry in found if not junk(entry.name)), key=lambda entry: entry.name)
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _below(Path(entry.path))
        elif entry.is_file():
            yield Path(entry.path)


def _fitting(pattern: str) -> Iterator[Path]:
    found = sorted(path for path in glob.iglob(pattern, recursive=True) if Path(path).is_file())  # noqa: PTH207 — Path.glob takes no absolute pattern
    if not found:
        raise MissingFile(pattern, why="no file fits this pattern", remedy="check it; ** stands for any folders")
    yield from map(Path, found)


def _listed(table: Path, column: str) -> Iterator[Path]:
    if not table.is_file():
        raise MissingFile(str(table), why="there is no such file", remedy="check the path")
    with table.open(encoding="utf-8-sig", newline="") as lines:
        rows = csv.DictReader(lines)
        if column not in (rows.fieldnames or ()):
            columns = list(rows.fieldnames or ())
            why = f"it has no column {column!r}, {did_you_mean(column, columns)}"
            raise ManifestBroken("the list of images", where=str(table), why=why, remedy="name the column with --column")
        for row in rows:
            yield table.parent / (row[column] or "")
