"""Sets whose images lie as pixels in arrays, in memory or mapped from a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.data.images.decode import DecodedImage
from pipeline.data.images.digest import grey_if_grey
from pipeline.data.images.refusal import refused
from pipeline.data.sources.source import Kind, Sample
from pipeline.errors import SetBroken

_GREY_MODES = {("b", 1): "1", ("u", 1): "L", ("u", 2): "I;16", ("f", 2): "F"}  # kind and bytes of a value → Pillow's word


@dataclass(frozen=True, eq=False)
class Part:
    """images: N×H×W, N×H×W×C or N×C×H×W with 1 or 3 channels, of bool, uint8, uint16 or floats; labels: N class names.

    split: train, val or test, None when none is given.
    """

    images: npt.NDArray[Any]
    labels: Sequence[str]
    split: str | None


class PixelSource:
    """Paths are <part>/00000, numbered as stored. uint16 and floats of 0 to 1 are spread over 0–255, nothing is clipped."""

    def __init__(self, name: str, kind: Kind, classes: Sequence[str], parts: Mapping[str, Part], where: str) -> None:
        """Raises SetBroken when images and labels differ in number or the images have a shape or type that is not read."""
        self.name, self.kind = name, kind
        self._classes = sorted(set(classes))
        self._parts = {key: _checked(parts[key], f"{where} {key}") for key in sorted(parts)}

    def classes(self) -> list[str]:
        """The names declared."""
        return list(self._classes)

    def samples(self) -> list[Sample]:
        """Every image, part by part."""
        return [
            Sample(f"{key}/{row:0{_digits(part)}}", label, part.split)
            for key, part in self._parts.items()
            for row, label in enumerate(part.labels)
        ]

    def read(self, path: str) -> DecodedImage:
        """One image; floats outside 0 to 1 are refused with the reason float-range."""
        key, _, row = path.rpartition("/")
        stored = self._parts[key].images[int(row)]
        pixels, conversions = _eight_bit(stored)
        pixels = np.ascontiguousarray(pixels[..., None] if pixels.ndim == 2 else pixels)
        mode = "RGB" if pixels.shape[2] == 3 else _GREY_MODES[stored.dtype.kind, min(stored.dtype.itemsize, 2)]
        return DecodedImage(grey_if_grey(pixels), mode, stored.nbytes, conversions)

    def stamp(self, _path: str) -> None:
        """None: the pixels are at hand."""

    def ignored(self) -> dict[str, int]:
        """Nothing is passed over."""
        return {}


def _digits(part: Part) -> int:
    return max(5, len(str(len(part.labels) - 1)))


def _checked(part: Part, where: str) -> Part:
    images = _channels_last(part.images, where)
    if len(images) != len(part.labels):
        why = f"{len(images)} images but {len(part.labels)} labels"
        raise SetBroken("set", where=where, why=why, remedy="write the files again, one label an image")
    if images.dtype.kind != "f" and images.dtype.newbyteorder("=") not in (np.bool_, np.uint8, np.uint16):
        remedy = "store uint8, uint16, or floats of 0 to 1"
        raise SetBroken("images", where=where, why=f"values of type {images.dtype}", remedy=remedy)
    return Part(images, part.labels, part.split)


def _channels_last(images: npt.NDArray[Any], where: str) -> npt.NDArray[Any]:
    shape = images.shape
    if len(shape) == 3 and min(shape[1:]) > 0:
        return images
    if len(shape) == 4 and min(shape[1:]) > 0:
        first, last = shape[1] in (1, 3), shape[3] in (1, 3)
        if last and not first:
            return images
        if first and not last:
            return images.transpose(0, 2, 3, 1)
    shown = "×".join(map(str, shape))
    raise SetBroken("images", where=where, why=f"shape {shown}", remedy="store N×H×W, N×H×W×C or N×C×H×W with 1 or 3 channels")


def _eight_bit(values: npt.NDArray[Any]) -> tuple[npt.NDArray[np.uint8], tuple[str, ...]]:
    """uint8 of the same shape, rounded to the nearest level, and the codes that images of files have for it."""
    if values.dtype == np.uint8:
        return values, ()
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(255), ("one-bit",)
    if values.dtype.kind == "u":
        return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8), ("depth-16",)  # 65535 = 255 × 257
    if not ((values >= 0) & (values <= 1)).all():
        raise refused("float-range", f"values from {values.min():g} to {values.max():g}", "scale floats to 0–1")
    return np.floor(values.astype(np.float64) * 255 + 0.5).astype(np.uint8), ("float-unit",)
