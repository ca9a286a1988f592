"""The embedded default: scikit-learn's 1,797 handwritten digits of 8×8 pixels (UCI Optical Recognition of Handwritten Digits)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.data.images.decode import DecodedImage
from pipeline.data.images.decoding import Decoding
from pipeline.data.sources.downloads import Downloads
from pipeline.data.sources.source import Kind, Sample


class Digits:
    """Paths are digits/0000 to digits/1796; the 17 levels of the original are spread over 0–255."""

    name = "digits"
    kind: Kind = "glyphs"

    def __init__(self) -> None:
        from sklearn.datasets import load_digits  # only this source needs scikit-learn

        levels, labels = load_digits(return_X_y=True)
        self._pixels = ((levels.astype(np.uint16) * 255 + 8) // 16).astype(np.uint8).reshape(-1, 8, 8, 1)
        self._labels = [str(label) for label in labels]

    def stamp(self, _path: str) -> None:
        """None: the pixels are in memory."""

    def ignored(self) -> dict[str, int]:
        """Nothing is passed over."""
        return {}

    def classes(self) -> list[str]:
        """0 to 9."""
        return sorted(set(self._labels))

    def samples(self) -> list[Sample]:
        """All digits, in scikit-learn's order; no split is given."""
        return [Sample(f"digits/{row:04}", label, None) for row, label in enumerate(self._labels)]

    def read(self, path: str) -> DecodedImage:
        """One digit, 8×8×1."""
        pixels = self._pixels[int(path.removeprefix("digits/"))]
        return DecodedImage(pixels, "L", pixels.nbytes)


def open_source(_path: Path, _decoding: Decoding, _downloads: Downloads) -> Digits:
    """The digits; they need no files."""
    return Digits()
