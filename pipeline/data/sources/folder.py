"""A folder of class folders, optionally under train, val (or valid) and test."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from pipeline.data.images.decode import DecodedImage, decode, refused
from pipeline.data.images.decoding import Decoding
from pipeline.data.sources.source import Kind, Sample
from pipeline.errors import SourceMissing

SPLIT_NAMES = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
_JUNK = ("thumbs.db", "desktop.ini", "__macosx")  # and every name that begins with a dot


class Folder:
    """Each file below a class folder is a sample, its path relative to `root`. Links are not followed but refused by `read`.

    Hidden files, Thumbs.db, desktop.ini and __MACOSX are ignored, and so are files beside the class folders.
    """

    def __init__(self, root: Path, decoding: Decoding | None = None) -> None:
        """Raises SourceMissing when `root` is no folder or holds none."""
        self._root, self._decoding = root, decoding or Decoding()
        if not root.is_dir():
            remedy = "set ingest.path to a folder of class folders"
            raise SourceMissing(f"the folder {root}", where="ingest.path", why="there is no such folder", remedy=remedy)
        if not _folders(root):
            remedy = "make one folder a class and put its images there"
            raise SourceMissing(f"the folder {root}", where="ingest.path", why="it holds no class folder", remedy=remedy)

    kind: Kind = "unknown"

    @property
    def name(self) -> str:
        """The name of the folder."""
        return re.sub(r"[^A-Za-z0-9._-]+", "-", self._root.resolve().name) or "folder"

    def classes(self) -> list[str]:
        """The names of the class folders."""
        return sorted({_shown(folder.name) for _, folder in self._class_folders()})

    def samples(self) -> list[Sample]:
        """Every file of every class folder."""
        found = (
            Sample(_shown(str(path.relative_to(self._root))), _shown(folder.name), split)
            for split, folder in self._class_folders()
            for path in _files(folder)
        )
        return sorted(found, key=lambda sample: sample.path)

    def read(self, path: str) -> DecodedImage:
        """Decode one file; beside the decoder's reasons: link, not-a-file, unreadable."""
        file = self._root / path
        try:
            mode = file.lstat().st_mode
            if stat.S_ISLNK(mode):
                raise refused("link", "links are not followed", "put the file itself there")
            if not stat.S_ISREG(mode):
                raise refused("not-a-file", "neither file nor folder", "remove it")
            content = file.read_bytes()
        except OSError as error:
            raise refused("unreadable", f"{error.strerror}, or a name that is not UTF-8", "check name and rights") from None
        return decode(content, self._decoding)

    def stamp(self, path: str) -> str | None:
        """Size, inode and times of the file; None when it cannot be asked for them."""
        try:
            found = (self._root / path).lstat()
        except OSError:
            return None
        return f"{found.st_size}-{found.st_ino}-{found.st_mtime_ns}-{found.st_ctime_ns}"

    def ignored(self) -> dict[str, int]:
        """Nothing is counted yet."""
        return {}

    def _class_folders(self) -> list[tuple[str | None, Path]]:
        """(given split or None, class folder); splits are given when all folders have the names of splits, train among them."""
        top = _folders(self._root)
        splits = [SPLIT_NAMES.get(folder.name.lower()) for folder in top]
        if None in splits or "train" not in splits:
            return [(None, folder) for folder in top]
        return [(split, folder) for split, parent in zip(splits, top, strict=True) for folder in _folders(parent)]


def open_source(path: Path, decoding: Decoding) -> Folder:
    """The folder `path`."""
    return Folder(path, decoding)


def _folders(parent: Path) -> list[Path]:
    """Folders in `parent`, and links to folders, so that a linked class is refused by name and not overlooked."""
    return [path for path in _entries(parent) if path.is_dir()]


def _files(folder: Path) -> Iterator[Path]:
    if folder.is_symlink():
        yield folder
        return
    for path in _entries(folder):
        if path.is_dir() and not path.is_symlink():
            yield from _files(path)
        else:
            yield path


def _entries(folder: Path) -> list[Path]:
    names = sorted(path.name for path in folder.iterdir())
    return [folder / name for name in names if not name.startswith(".") and name.lower() not in _JUNK]


def _shown(name: str) -> str:
    """The name in valid UTF-8: bytes that are none are written as escapes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
