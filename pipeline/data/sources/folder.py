"""A folder of class folders, optionally under train, val (or valid) and test."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from pipeline.data.images.decode import DecodedImage, decode
from pipeline.data.images.decoding import Decoding
from pipeline.data.junk import junk
from pipeline.data.sources.downloads import Downloads
from pipeline.data.sources.reading import files
from pipeline.data.sources.reading.class_folders import Arranged, Tree, arrange, tree
from pipeline.data.sources.reading.names import set_name, stored
from pipeline.data.sources.source import Kind, Sample
from pipeline.errors import SourceMissing


class Folder:
    """Each file below a class folder is a sample, its path relative to `root`. Links are not followed but refused by `read`.

    Hidden files, Thumbs.db, desktop.ini and __MACOSX are ignored and counted, and so are files beside the class folders.
    """

    kind: Kind = "unknown"

    def __init__(self, root: Path, decoding: Decoding | None = None) -> None:
        """Raises SourceMissing when `root` is no folder or holds none."""
        self._given, self._decoding = root, decoding or Decoding()
        if not root.is_dir():
            remedy = "set ingest.path to a folder of class folders"
            raise SourceMissing(f"the folder {root}", where="ingest.path", why="there is no such folder", remedy=remedy)
        self._root = root.resolve()
        if not any(path.is_dir() and not junk(path.name) for path in self._root.iterdir()):
            arrange(Tree((), frozenset()), f"the folder {root}")  # says what is missing

    @property
    def name(self) -> str:
        """The name of the folder."""
        return set_name(self._root)

    def classes(self) -> list[str]:
        """The names of the class folders."""
        return list(self._arranged.classes)

    def samples(self) -> list[Sample]:
        """Every file of every class folder."""
        return list(self._arranged.samples)

    def read(self, path: str) -> DecodedImage:
        """Decode one file; beside the decoder's reasons: link, link-outside, not-a-file, unreadable, name-not-utf8, too-large."""
        return decode(files.read_inside(self._root, stored(path), self._decoding), self._decoding)

    def stamp(self, path: str) -> str | None:
        """Size, inode and times of the file; None when it cannot be asked for them."""
        return files.file_stamp(self._root, path)

    def ignored(self) -> dict[str, int]:
        """`hidden`, `system-file`, `beside-the-classes` → number of entries."""
        return dict(self._arranged.ignored)

    @cached_property
    def _arranged(self) -> Arranged:
        return arrange(_listed(self._root), f"the folder {self._given}")


def open_source(path: Path, decoding: Decoding, _downloads: Downloads) -> Folder:
    """The folder `path`."""
    return Folder(path, decoding)


def _listed(root: Path) -> Tree:
    """What lies below `root`; junk folders are named but not entered, and links not followed."""
    found: list[str] = []
    folders: list[str] = []
    todo = [""]
    while todo:
        parent = todo.pop()
        with _entries(root / parent) as entries:
            for entry in entries:
                path = f"{parent}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    folders.append(path)
                    todo += [] if junk(entry.name) else [f"{path}/"]
                    continue
                found.append(path)
                if entry.is_symlink() and (root / path).is_dir():  # a linked class is refused by name and not overlooked
                    folders.append(path)
    return tree(found, folders)


@contextlib.contextmanager
def _entries(folder: Path) -> Iterator[Iterator[os.DirEntry[str]]]:
    """What lies in `folder`; raises SourceMissing when it cannot be looked into."""
    try:
        with os.scandir(folder) as entries:
            yield entries
    except OSError as error:
        raise SourceMissing("a folder", where=str(folder), why=str(error.strerror), remedy="check its rights and name") from None
