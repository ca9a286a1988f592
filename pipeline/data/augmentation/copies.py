"""Augmented copies that are stored: each depends on its parent's digest, its number and the seed, not on its neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from pipeline.data.augmentation.augment import augment
from pipeline.data.augmentation.settings import mixing_refused
from pipeline.data.augmentation.strengths import Augmentation
from pipeline.data.seeds import generator
from pipeline.errors import raise_all

if TYPE_CHECKING:
    from pipeline.data.sources.source import Kind


def copy(
    images: npt.NDArray[np.uint8], digests: Sequence[str], strengths: Augmentation, kind: Kind, number: int, seed: int
) -> npt.NDArray[np.uint8]:
    """uint8 N×C×S×S: copy `number` of each of these images, the same whichever others are with them; raises MixedCopies."""
    raise_all(mixing_refused(strengths))
    changed = np.empty_like(images)
    for row, digest in enumerate(digests):
        image = torch.tensor(images[row : row + 1]).float() / 255
        changed[row] = to_pixels(augment(image, strengths, kind, generator("copy", seed, digest, number)))[0]
    return changed


def to_pixels(images: torch.Tensor) -> npt.NDArray[np.uint8]:
    """uint8 of values 0–1, rounded; what lies outside is cut off."""
    pixels: npt.NDArray[np.uint8] = (images * 255).round().clamp(0, 255).to(torch.uint8).numpy()
    return pixels
