"""Small real data: scikit-learn's handwritten digits, and noise with labels."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_digits  # type: ignore[import-untyped]

from pipeline.data.images.decoding import Decoding
from pipeline.data.preparation.packed import Packed
from pipeline.data.preparation.recipe import Recipe
from pipeline.data.preparation.steps import Resize


def digits() -> tuple[Packed, Packed, Recipe]:
    """1,400 digits to train on, 397 to validate on, and their recipe."""
    pixels, labels = load_digits(return_X_y=True)
    images = (pixels.reshape(-1, 1, 8, 8) / 16 * 255).round()
    return _packed(images[:1400], labels[:1400]), _packed(images[1400:], labels[1400:]), _recipe(images, 1, 10)


def noise(count: int = 40, channels: Literal[1, 3] = 3, size: int = 8, classes: int = 3) -> tuple[Packed, Recipe]:
    """Random images with random labels, read-only, every class present."""
    numbers = np.random.default_rng(count)
    images = numbers.integers(0, 256, (count, channels, size, size))
    return _packed(images, numbers.permutation(np.arange(count) % classes)), _recipe(images, channels, classes)


def only(packed: Packed, labels: tuple[int, ...]) -> Packed:
    """The rows with these labels."""
    rows = np.flatnonzero(np.isin(packed.labels, labels))
    return Packed(packed.images[rows], packed.labels[rows], [packed.digests[row] for row in rows])


def _packed(images: npt.NDArray[Any], labels: npt.NDArray[Any]) -> Packed:
    images, labels = np.ascontiguousarray(images, np.uint8), np.ascontiguousarray(labels, np.int64)
    images.flags.writeable = labels.flags.writeable = False
    return Packed(images, labels, [str(row) for row in range(len(labels))])


def _recipe(images: npt.NDArray[Any], channels: Literal[1, 3], classes: int) -> Recipe:
    return Recipe(
        source="test",
        kind="unknown",
        decode=Decoding(),
        class_weights=None,
        classes=tuple(str(label) for label in range(classes)),
        channels=channels,
        image_size=images.shape[2],
        steps=(Resize(fit="stretch"),),
        mean=tuple((images / 255).mean((0, 2, 3)).tolist()),
        std=tuple((images / 255).std((0, 2, 3)).tolist()),
        counts={},
        digests={},
    )
