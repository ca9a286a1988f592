"""One split as arrays, and its three files: images.npy, labels.npy, index.csv."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.errors import DigestMismatch, MissingFile

IMAGES, LABELS, INDEX = "images.npy", "labels.npy", "index.csv"


@dataclass(frozen=True, eq=False)
class Packed:
    """Prepared images of one split, row by row.

    images: uint8 N×C×S×S; labels: int64 N, indices into Recipe.classes; digests: of the pixels each row was made from.
    Arrays that were read from files are read-only.
    """

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    digests: list[str]

    def __len__(self) -> int:
        return len(self.labels)


def join(parts: Sequence[Packed]) -> Packed:
    """All rows of the parts, in order."""
    return Packed(
        images=np.concatenate([part.images for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
        digests=[digest for part in parts for digest in part.digests],
    )


def to_files(packed: Packed, copies: int = 0) -> dict[str, bytes]:
    """File name → content, the same bytes for the same rows.

    The last `copies`/(1 + `copies`) of the rows are augmented copies, block after block; index.csv numbers them from 1.
    """
    originals = len(packed) // (1 + copies)
    return {
        IMAGES: _npy(packed.images),
        LABELS: _npy(packed.labels),
        INDEX: _csv((digest, row // originals) for row, digest in enumerate(packed.digests)),
    }


def digest(files: Mapping[str, bytes]) -> str:
    """One sha256 (hexadecimal) for the three files of a split."""
    lines = (f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in (IMAGES, LABELS, INDEX))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def read(folder: Path, expected: str) -> Packed:
    """The split stored in `folder`; raises MissingFile, or DigestMismatch when its digest is not `expected`."""
    files = {name: _content(folder / name) for name in (IMAGES, LABELS, INDEX)}
    found = digest(files)
    if found != expected:
        why = f"expected sha256 {expected[:12]}…, found {found[:12]}…"
        raise DigestMismatch(f"the packed images in {folder}", why=why, remedy="run `dvc repro --force preprocess`")
    return _from_files(files)


def _from_files(files: Mapping[str, bytes]) -> Packed:
    rows = csv.reader(io.StringIO(files[INDEX].decode()))
    next(rows)
    return Packed(_array(files[IMAGES]), _array(files[LABELS]), [row[0] for row in rows])


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise MissingFile(str(path), why="there is no such file", remedy="run `dvc repro preprocess`, which writes it") from None


def _npy(array: npt.NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.ascontiguousarray(array), allow_pickle=False)
    return stream.getvalue()


def _array(content: bytes) -> npt.NDArray[Any]:
    array: npt.NDArray[Any] = np.load(io.BytesIO(content), allow_pickle=False)
    array.flags.writeable = False
    return array


def _csv(rows: Any) -> bytes:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(("digest", "copy"))
    writer.writerows(rows)
    return stream.getvalue().encode()
