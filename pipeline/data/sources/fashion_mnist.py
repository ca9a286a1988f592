"""Fashion-MNIST from its four idx.gz files (Xiao, Rasul, Vollgraf 2017): 60,000 + 10,000 grey images of 28×28 pixels."""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.data.images.decode import DecodedImage
from pipeline.data.images.decoding import Decoding
from pipeline.data.sources.source import Kind, Sample
from pipeline.errors import ImageRefused, SourceMissing

DEBIAN = Path("/usr/share/datasets/fashion-mnist")  # where the package dataset-fashion-mnist puts the files
CLASSES = ("T-shirt-top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
_PREFIX = {"test": "t10k", "train": "train"}


class FashionMnist:
    """The files in `path`, or else in DEBIAN; paths are test/00000 and train/00000, and the split is given."""

    name = "fashion-mnist"
    kind: Kind = "photos"

    def __init__(self, path: Path) -> None:
        """Raises SourceMissing when the files are in neither place, ImageRefused when one cannot be read."""
        folder = _folder_with_files((path, DEBIAN))
        self._images = {split: _read_idx(folder / f"{prefix}-images-idx3-ubyte.gz", 3) for split, prefix in _PREFIX.items()}
        self._labels = {split: _read_idx(folder / f"{prefix}-labels-idx1-ubyte.gz", 1) for split, prefix in _PREFIX.items()}
        for split, labels in self._labels.items():
            if len(labels) != len(self._images[split]) or labels.max(initial=0) >= len(CLASSES):
                why = f"{len(labels)} labels up to {labels.max(initial=0)} for {len(self._images[split])} {split} images"
                raise ImageRefused("broken", where=str(folder), why=why, remedy="fetch the four files again")

    def stamp(self, _path: str) -> None:
        """None: the pixels are in memory."""

    def ignored(self) -> dict[str, int]:
        """Nothing is passed over."""
        return {}

    def classes(self) -> list[str]:
        """The ten kinds of clothing."""
        return sorted(CLASSES)

    def samples(self) -> list[Sample]:
        """All test, then all train images."""
        return [
            Sample(f"{split}/{row:05}", CLASSES[label], split)
            for split, labels in self._labels.items()
            for row, label in enumerate(labels.tolist())
        ]

    def read(self, path: str) -> DecodedImage:
        """One image, 28×28×1."""
        split, row = path.split("/")
        pixels = self._images[split][int(row), :, :, None]
        return DecodedImage(pixels, "L", pixels.nbytes)


def open_source(path: Path, _decoding: Decoding) -> FashionMnist:
    """Fashion-MNIST, whose files hold pixels."""
    return FashionMnist(path)


def _folder_with_files(folders: tuple[Path, ...]) -> Path:
    names = [f"{prefix}-{kind}-ubyte.gz" for prefix in _PREFIX.values() for kind in ("images-idx3", "labels-idx1")]
    for folder in folders:
        if all((folder / name).is_file() for name in names):
            return folder
    places = " nor ".join(map(str, folders))
    remedy = "put the four idx.gz files in ingest.path"
    raise SourceMissing("Fashion-MNIST", where="ingest.path", why=f"no {names[0]} in {places}", remedy=remedy)


def _read_idx(path: Path, dimensions: int) -> npt.NDArray[np.uint8]:
    """An idx file of unsigned bytes: two zeros, 8, the number of dimensions, their sizes big-endian, the values."""
    try:
        content = gzip.decompress(path.read_bytes())
        shape = struct.unpack_from(f">{dimensions}I", content, 4)
        if content[:4] != bytes((0, 0, 8, dimensions)):
            raise ValueError(f"the file does not begin like an idx file of {dimensions} dimensions")
        return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)
    except (OSError, EOFError, ValueError, struct.error, zlib.error) as error:
        raise ImageRefused("broken", where=str(path), why=str(error), remedy="fetch the file again") from None
