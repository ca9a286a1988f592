"""Random changes of a batch of images, on the device where it lies: no per-image work."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F

from pipeline.data.augmentation.strengths import Augmentation
from pipeline.data.preparation.packed import Packed
from pipeline.data.seeds import generator as seeded

_CHUNK = 4096  # images changed at a time when copies are stored


def augment(images: torch.Tensor, strengths: Augmentation, generator: torch.Generator) -> torch.Tensor:
    """The batch (float N×C×S×S, 0–1 or standardized) with each image changed at random; never in place.

    The same generator state gives the same images. Strengths of zero cost nothing and draw no numbers.
    """
    if strengths.flip:
        images = _flip(images, strengths.flip, generator)
    if strengths.warps:
        images = _warp(images, strengths, generator)
    if strengths.noise:
        images = images + strengths.noise * _normal_like(images, generator)
    return images


def copies(packed: Packed, strengths: Augmentation, count: int, seed: int) -> list[Packed]:
    """`count` augmented copies of every row, with its label and digest; they depend on the rows and `seed` alone."""
    return [Packed(_copy(packed, strengths, seed, number), packed.labels, packed.digests) for number in range(1, count + 1)]


def _copy(packed: Packed, strengths: Augmentation, seed: int, number: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    copy = np.empty_like(packed.images)
    for start in range(0, len(packed), _CHUNK):
        images = torch.tensor(packed.images[start : start + _CHUNK]).float() / 255
        changed = augment(images, strengths, seeded("copy", seed, number, start))
        copy[start : start + _CHUNK] = (changed * 255).round().clamp(0, 255).to(torch.uint8).numpy()
    return copy


def _flip(images: torch.Tensor, probability: float, generator: torch.Generator) -> torch.Tensor:
    chosen = _uniform(images, 1, generator) < probability
    return torch.where(chosen.view(-1, 1, 1, 1), images.flip(-1), images)


def _warp(images: torch.Tensor, strengths: Augmentation, generator: torch.Generator) -> torch.Tensor:
    """Rotation, zoom and shift in one resampling; what comes in from outside repeats the edge."""
    angle, zoom, right, down = 2 * _uniform(images, 4, generator) - 1
    angle = angle * math.radians(strengths.rotation_degrees)
    zoom = 1 + zoom * strengths.scale
    cosine, sine = zoom * torch.cos(angle), zoom * torch.sin(angle)
    move = 2 * strengths.shift  # grid coordinates run from −1 to 1
    rows = (torch.stack([cosine, -sine, move * right], 1), torch.stack([sine, cosine, move * down], 1))
    grid = F.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid.to(images.dtype), padding_mode="border", align_corners=False)


def _uniform(images: torch.Tensor, count: int, generator: torch.Generator) -> torch.Tensor:
    """float32 `count`×N in 0–1, on the device of the images, whatever the generator's."""
    return torch.rand(count, len(images), generator=generator, device=generator.device).to(images.device)


def _normal_like(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    noise = torch.randn(images.shape, generator=generator, device=generator.device)
    return noise.to(images.device, images.dtype)
