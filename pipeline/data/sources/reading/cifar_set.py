"""The binary form of CIFAR-10 and CIFAR-100: records of label bytes and 3×32×32 pixels, in a tar.gz or unpacked."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.data.sources.downloads import Downloads, RemoteFile
from pipeline.data.sources.reading.pixels import Part, PixelSource
from pipeline.errors import SetBroken, SourceMissing

_PIXELS = 3 * 32 * 32


@dataclass(frozen=True)
class CifarSet:
    """classes: in the order of the labels; label_bytes: before each image, the last of them counts; parts: split → its files.

    folder: the one that the archive holds. The Python form of these sets is pickled and never read.
    """

    name: str
    classes: tuple[str, ...]
    file: RemoteFile
    folder: str
    label_bytes: int
    records: int  # of each file of train
    train: tuple[str, ...]
    test: str
    test_records: int = 10_000

    def is_here(self, path: Path, downloads: Downloads) -> bool:
        """Whether the archive or its files are in `path`, or the archive was fetched before."""
        known = (path / self.file.name, downloads.folder / self.name / self.file.name)
        return self._unpacked(path) is not None or any(file.is_file() for file in known)

    def open(self, path: Path, downloads: Downloads) -> PixelSource:
        """The files or the archive in `path`, else the archive fetched; raises SourceMissing, DownloadFailed, SetBroken."""
        if not (downloads.fetch or self.is_here(path, downloads)):
            remedy = "set ingest.download: true, or put it there"
            raise SourceMissing(self.name, where="ingest.path", why=f"no {self.file.name} in {path}", remedy=remedy)
        folder = self._unpacked(path)
        if folder is not None:
            return self._source({name: (folder / name).read_bytes() for name in self._names()}, folder)
        archive = path / self.file.name
        archive = archive if archive.is_file() else downloads.get(self.name, self.file)
        return self._source(self._from_archive(archive), archive)

    def _names(self) -> tuple[str, ...]:
        return (*self.train, self.test)

    def _size(self, name: str) -> int:
        return (self.test_records if name == self.test else self.records) * (self.label_bytes + _PIXELS)

    def _unpacked(self, path: Path) -> Path | None:
        folders = (path, path / self.folder)
        return next((folder for folder in folders if all((folder / name).is_file() for name in self._names())), None)

    def _from_archive(self, archive: Path) -> dict[str, bytes]:
        """The files wanted, read in memory: nothing is unpacked to disk, other members are passed over."""
        found: dict[str, bytes] = {}
        try:
            with tarfile.open(archive, "r:gz") as tar:
                for member in tar:
                    name = member.name.rpartition("/")[2]
                    if not 0 <= member.size <= max(map(self._size, self._names())):  # below 0 it would lead back, for ever
                        raise ValueError(f"{name} has {member.size:,} bytes")
                    if member.isreg() and name in self._names() and (stream := tar.extractfile(member)):
                        found[name] = stream.read()
        except (OSError, EOFError, ValueError, RecursionError, tarfile.TarError, zlib.error) as error:
            raise _broken(archive, str(error)) from None
        missing = [name for name in self._names() if name not in found]
        if missing:
            raise _broken(archive, f"no {missing[0]} in it")
        return found

    def _source(self, files: dict[str, bytes], where: Path) -> PixelSource:
        for name, content in files.items():
            if len(content) != self._size(name):
                raise _broken(where, f"{name} has {len(content):,} bytes, not {self._size(name):,}")
        parts = {"test": [files[self.test]], "train": [files.pop(name) for name in self.train]}
        made = {split: self._part(contents, split, where) for split, contents in parts.items()}
        return PixelSource(self.name, "photos", self.classes, made, str(where))

    def _part(self, contents: Sequence[bytes], split: str, where: Path) -> Part:
        records = _joined(contents).reshape(-1, self.label_bytes + _PIXELS)
        labels = records[:, self.label_bytes - 1]
        if labels.max() >= len(self.classes):
            raise _broken(where, f"label {labels.max()} of {len(self.classes)} classes")
        images = records[:, self.label_bytes :].reshape(-1, 3, 32, 32)
        return Part(images, [self.classes[label] for label in labels.tolist()], split)


def _joined(contents: Sequence[bytes]) -> npt.NDArray[np.uint8]:
    arrays = [np.frombuffer(content, np.uint8) for content in contents]
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _broken(where: Path, why: str) -> SetBroken:
    return SetBroken("set", where=str(where), why=why, remedy="fetch it again")
