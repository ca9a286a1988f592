"""One split as arrays, and its files: images-00000.npy, images-00001.npy, …, labels.npy, index.csv and manifest.json.

The manifest lists every other file with its sha256 and rows; the sha256 of the manifest is the digest of the split.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil

from pipeline.data.preparation.shards import Images, Pixels, Shard, Shards
from pipeline.errors import DigestMismatch, MissingFile

LABELS, INDEX, MANIFEST = "labels.npy", "index.csv", "manifest.json"
# Of the free memory, what the images of a split may take; larger splits stay on disk. While a search begins there are three of
# them: as read, as Ray pickles them, and in Ray's object store.
SHARE_OF_MEMORY = 0.2
_NO_FOLD = -1


@dataclass(frozen=True, eq=False)
class Packed:
    """Prepared images of one split, row by row.

    images: uint8 N×C×S×S, in memory or on disk; labels: int64 N, indices into Recipe.classes; digests: of the pixels each row
    was made from; folds: int8 N, from 0 (−1: the row is in none), or None without folds. What was read is read-only.
    """

    images: Images
    labels: npt.NDArray[np.int64]
    digests: list[str]
    folds: npt.NDArray[np.int8] | None = None

    def __len__(self) -> int:
        return len(self.labels)


def join(parts: Sequence[Packed]) -> Packed:
    """All rows of the parts, in order: in memory when all parts are; with folds when all parts have them."""
    folds = [part.folds for part in parts if part.folds is not None]
    return Packed(
        images=_joined([part.images for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
        digests=list(chain.from_iterable(part.digests for part in parts)),
        folds=np.concatenate(folds) if len(folds) == len(parts) else None,
    )


def hold_out(parts: Sequence[Packed], fold: int) -> tuple[Packed, Packed]:
    """(all rows of the parts outside this fold, the images in it), without a copy; stored augmented copies are in the first only.

    Every part has folds.
    """
    images = Shards([piece for part in parts for piece in _pieces(part.images)])
    labels, digests = np.concatenate([part.labels for part in parts]), [name for part in parts for name in part.digests]
    inside = np.concatenate([part.folds for part in parts if part.folds is not None]) == fold
    originals = np.zeros_like(inside)
    originals[np.unique(digests, return_index=True)[1]] = True  # of rows with one digest the first: copies come behind

    def only(rows: npt.NDArray[np.int64]) -> Packed:
        return Packed(images.only(rows), labels[rows], [digests[row] for row in rows])

    return only(np.flatnonzero(~inside)), only(np.flatnonzero(inside & originals))


def to_files(shards: Iterable[Packed], copies: int = 0) -> Iterator[tuple[str, bytes]]:
    """(name, content) of one file after the other, the manifest last; each shard, one or more, is taken when its file is due.

    The last `copies`/(1 + `copies`) of all rows are augmented copies, block after block; index.csv numbers them from 1.
    """
    listed: dict[str, dict[str, Any]] = {}
    rows: list[Packed] = []
    for number, shard in enumerate(shards):
        name, content = shard_name(number), _npy(shard.images[:])
        listed[name] = {"rows": len(shard), "sha256": _sha256(content)}
        none = np.empty((0, *shard.images.shape[1:]), np.uint8)  # a slice would keep the shard in memory
        rows.append(Packed(none, shard.labels, shard.digests, shard.folds))
        yield name, content
    whole = join(rows)
    for name, content in ((LABELS, _npy(whole.labels)), (INDEX, _csv(whole, len(whole) // (1 + copies)))):
        listed[name] = {"rows": len(whole), "sha256": _sha256(content)}
        yield name, content
    yield MANIFEST, (json.dumps({"files": listed}, indent=2, sort_keys=True) + "\n").encode()


def shard_name(number: int) -> str:
    """The file of the images of a shard, numbered from 0."""
    return f"images-{number:05}.npy"


def _number(shard: str) -> tuple[int, str]:
    """Sorts names of shards by their numbers, also those of more than five digits."""
    return len(shard), shard


def digest(files: Mapping[str, bytes]) -> str:
    """The digest of a split, hexadecimal, by its files: it stands for all of them."""
    return _sha256(files[MANIFEST])


def read(folder: Path, expected: str, memory: float | None = None) -> Packed:
    """The split stored in `folder`, its images in memory unless they take more than `memory` bytes; every file is verified.

    memory: SHARE_OF_MEMORY of what is free, when not given. Raises MissingFile, or DigestMismatch naming the file that is not
    what was written; `expected` is the digest of the split.
    """
    listed: dict[str, dict[str, Any]] = json.loads(_verified(folder / MANIFEST, expected))["files"]
    content = {name: _verified(folder / name, listed.pop(name)["sha256"]) for name in (LABELS, INDEX)}
    shards = {folder / name: str(listed[name]["sha256"]) for name in sorted(listed, key=_number)}
    limit = SHARE_OF_MEMORY * psutil.virtual_memory().available if memory is None else memory
    large = sum(path.stat().st_size for path in shards if path.exists()) > limit
    images = _on_disk(shards) if large else _in_memory(shards, rows=sum(entry["rows"] for entry in listed.values()))
    digests, folds = _columns(content[INDEX])
    return Packed(images, _frozen(np.load(io.BytesIO(content[LABELS]), allow_pickle=False)), digests, folds)


def read_digests(folder: Path, expected: str) -> list[str]:
    """Of the rows of the split stored in `folder`, without its images; raises as `read` does."""
    listed = json.loads(_verified(folder / MANIFEST, expected))["files"]
    return _columns(_verified(folder / INDEX, listed[INDEX]["sha256"]))[0]


def read_folds(folder: Path, expected: str) -> int:
    """How many folds the rows of the split stored in `folder` are in, 0 without folds; raises as `read` does."""
    listed = json.loads(_verified(folder / MANIFEST, expected))["files"]
    folds = _columns(_verified(folder / INDEX, listed[INDEX]["sha256"]))[1]
    return 0 if folds is None else int(folds.max()) + 1


def _in_memory(shards: Mapping[Path, str], rows: int) -> Pixels:
    """One array, filled shard by shard from the very bytes that were verified."""
    images = np.empty(0, np.uint8)
    start = 0
    for path, expected in shards.items():
        part: Pixels = np.load(io.BytesIO(_verified(path, expected)), allow_pickle=False)
        if start == 0:
            images = np.empty((rows, *part.shape[1:]), np.uint8)
        images[start : start + len(part)] = part
        start += len(part)
    images.flags.writeable = False
    return images


def _on_disk(shards: Mapping[Path, str]) -> Shards:
    found = []
    for path, expected in shards.items():
        with _opened(path) as file:
            _require(path, hashlib.file_digest(file, "sha256").hexdigest(), expected)
        found.append(Shard(path.resolve(), np.load(path, mmap_mode="r", allow_pickle=False).shape, expected))
    return Shards(found)


def _joined(parts: Sequence[Images]) -> Images:
    arrays = [part for part in parts if isinstance(part, np.ndarray)]
    if len(arrays) == len(parts):
        return np.concatenate(arrays)
    return Shards([piece for part in parts for piece in _pieces(part)])


def _pieces(images: Images) -> Sequence[Shard | Pixels]:
    return images.whole if isinstance(images, Shards) else (images,)


def _verified(path: Path, expected: str) -> bytes:
    with _opened(path) as file:
        content: bytes = file.read()
    _require(path, _sha256(content), expected)
    return content


def _opened(path: Path) -> io.BufferedReader:
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise MissingFile(str(path), why="there is no such file", remedy="run `dvc repro preprocess`, which writes it") from None


def _require(path: Path, found: str, expected: str) -> None:
    if found != expected:
        why = f"expected sha256 {expected[:12]}…, found {found[:12]}…"
        raise DigestMismatch(path.name, where=str(path), why=why, remedy="run `dvc repro --force preprocess`")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _npy(array: npt.NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.ascontiguousarray(array), allow_pickle=False)
    return stream.getvalue()


def _frozen(array: Any) -> Any:
    array.flags.writeable = False
    return array


def _csv(rows: Packed, originals: int) -> bytes:
    folds = [_NO_FOLD] * len(rows) if rows.folds is None else rows.folds.tolist()
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(("digest", "copy", "fold"))
    for row, (name, fold) in enumerate(zip(rows.digests, folds, strict=True)):
        writer.writerow((name, row // originals, "" if fold == _NO_FOLD else fold))
    return stream.getvalue().encode()


def _columns(index: bytes) -> tuple[list[str], npt.NDArray[np.int8] | None]:
    """The digests; the folds, None when no row is in one."""
    rows = list(csv.DictReader(io.StringIO(index.decode())))
    folds = np.array([row["fold"] or _NO_FOLD for row in rows], np.int8)
    return [row["digest"] for row in rows], None if (folds == _NO_FOLD).all() else _frozen(folds)
