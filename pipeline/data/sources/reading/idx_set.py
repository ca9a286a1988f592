"""A published set of four idx files: train and t10k, images and labels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline.data.sources.downloads import Downloads, RemoteFile
from pipeline.data.sources.reading.idx_file import read_idx
from pipeline.data.sources.reading.pixels import Part, PixelSource
from pipeline.data.sources.source import Kind
from pipeline.errors import SetBroken, SourceMissing

_PREFIX = {"test": "t10k", "train": "train"}


@dataclass(frozen=True)
class IdxSet:
    """classes: in the order of the labels 0, 1, …; files: the four, packed; folders: other places, absolute or in ingest.path."""

    name: str
    kind: Kind
    classes: tuple[str, ...]
    files: tuple[RemoteFile, ...]
    folders: tuple[str, ...] = ()

    def is_here(self, path: Path, downloads: Downloads) -> bool:
        """Whether all files are in `path` or another place, or were fetched before."""
        if self._in_folders(path) is not None:
            return True
        return all((downloads.folder / self.name / file.name).is_file() for file in self.files)

    def open(self, path: Path, downloads: Downloads) -> PixelSource:
        """The files in `path`, else in another place, else fetched; raises SourceMissing, DownloadFailed, SetBroken."""
        found = self._in_folders(path)
        if found is None and not (downloads.fetch or self.is_here(path, downloads)):
            why = f"no {self.files[0].name} in {path}"
            remedy = f"set ingest.download: true, or put the {len(self.files)} files there"
            raise SourceMissing(self.name, where="ingest.path", why=why, remedy=remedy)
        found = found or {file.name: downloads.get(self.name, file) for file in self.files}
        parts = {split: self._part(found, split) for split in _PREFIX}
        where = str(next(iter(found.values())).parent)
        return PixelSource(self.name, self.kind, self.classes, parts, where)

    def _in_folders(self, path: Path) -> dict[str, Path] | None:
        """Name of each file → where it lies, packed or not; None when no folder has all of them."""
        for folder in (path, *(path / folder for folder in self.folders)):
            found = {file.name: _packed_or_not(folder / file.name) for file in self.files}
            files = {name: file for name, file in found.items() if file is not None}
            if len(files) == len(self.files):
                return files
        return None

    def _part(self, files: dict[str, Path], split: str) -> Part:
        images = read_idx(files[f"{_PREFIX[split]}-images-idx3-ubyte.gz"], (3,))
        file = files[f"{_PREFIX[split]}-labels-idx1-ubyte.gz"]
        labels = read_idx(file, (1,))
        if labels.max(initial=0) >= len(self.classes):
            why = f"label {labels.max()} of {len(self.classes)} classes"
            raise SetBroken("idx file", where=str(file), why=why, remedy="fetch the file again")
        return Part(images, [self.classes[label] for label in labels.tolist()], split)


def idx_files(urls: Iterable[str], facts: dict[str, tuple[int, str]]) -> tuple[RemoteFile, ...]:
    """The files at each of `urls` (which end with /); facts: file name → size in bytes and sha256."""
    return tuple(RemoteFile(name, tuple(f"{url}{name}" for url in urls), size, digest) for name, (size, digest) in facts.items())


def _packed_or_not(path: Path) -> Path | None:
    return next((file for file in (path.with_suffix(""), path) if file.is_file()), None)
