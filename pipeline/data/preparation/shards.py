"""Packed images that stay on disk: several .npy files as one array, memory-mapped when a row of theirs is first read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

_MOST_OPEN = 128  # files mapped at a time: each takes one of the files a process may open, usually 1,024


@dataclass(frozen=True)
class Shard:
    """A .npy file of images; the path is absolute, so that processes with other working directories find it."""

    path: Path
    shape: tuple[int, ...]
    sha256: str = ""  # of the file, where it was verified

    def local(self) -> Path:
        """The file, as this machine reads it."""
        return self.path


class Shards:
    """Images in files that were verified.

    What is read stays in the system's file cache, which all processes share and which gives way when memory is short. Pickled,
    this is a list of paths.
    """

    def __init__(self, pieces: Sequence[Shard | Pixels], rows: npt.NDArray[np.int64] | None = None) -> None:
        """At least one piece, all with images of one shape; an array among them stays in memory. rows: only these, in order."""
        self.pieces, self._rows, self._told = tuple(pieces), rows, _nobody
        self._ends = np.array(list(accumulate(piece.shape[0] for piece in pieces)), np.int64)
        self._opened: dict[int, Pixels] = {}

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, C, S, S)."""
        count = self._ends[-1] if self._rows is None else len(self._rows)
        return (int(count), *self.pieces[0].shape[1:])

    @property
    def whole(self) -> tuple[Shard | Pixels, ...]:
        """The pieces, when all their rows are meant."""
        assert self._rows is None, "some rows of the pieces only"
        return self.pieces

    @property
    def nbytes(self) -> int:
        """Bytes of memory: of the arrays among the pieces."""
        return sum(piece.nbytes for piece in self.pieces if isinstance(piece, np.ndarray))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | npt.NDArray[np.int64], /) -> Pixels:
        """The images of a range, or of row numbers from 0 in any order, as a copy in memory."""
        wanted = np.arange(*rows.indices(len(self))) if isinstance(rows, slice) else rows
        wanted = wanted if self._rows is None else self._rows[wanted]
        found = np.empty((len(wanted), *self.shape[1:]), np.uint8)
        holders = np.searchsorted(self._ends, wanted, side="right")
        for index in np.unique(holders).tolist():
            here = holders == index
            first = self._ends[index] - self.pieces[index].shape[0]
            found[here] = self._piece(index)[wanted[here] - first]
        return found

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_opened": {}, "_told": _nobody}

    def _piece(self, index: int) -> Pixels:
        piece = self.pieces[index]
        if isinstance(piece, np.ndarray):
            return piece
        if index not in self._opened:
            if len(self._opened) == _MOST_OPEN:
                del self._opened[next(iter(self._opened))]
            self._opened[index] = np.load(piece.local(), mmap_mode="r", allow_pickle=False)
            self._told()
        return self._opened[index]

    def with_files(self, change: Callable[[Shard], Shard]) -> Shards:
        """The same images, whose files are found elsewhere."""
        return Shards([change(piece) if isinstance(piece, Shard) else piece for piece in self.pieces], self._rows)

    def telling(self, told: Callable[[], None]) -> Shards:
        """The same images; `told` is called whenever a file was opened, which takes long where it comes from elsewhere."""
        images = Shards(self.pieces, self._rows)
        images._told = told
        return images

    def only(self, rows: npt.NDArray[np.int64]) -> Shards:
        """Some of these images, none of them copied."""
        return Shards(self.pieces, rows if self._rows is None else self._rows[rows])


def _nobody() -> None:
    """Is told."""


Images: TypeAlias = Pixels | Shards  # uint8 N×C×S×S, read by range or by row numbers and never written
