"""Two images in one, with the labels of both: MixUp (Zhang et al., arXiv:1710.09412), CutMix (Yun et al., arXiv:1905.04899)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from pipeline.data.augmentation.erase import rectangle
from pipeline.data.augmentation.numbers import uniform
from pipeline.data.augmentation.strengths import Augmentation


@dataclass(frozen=True, eq=False)
class Mixed:
    """images: float N×C×S×S; labels_a, labels_b: int64 N; share: float32 N in 0–1, of labels_a in each image."""

    images: torch.Tensor
    labels_a: torch.Tensor
    labels_b: torch.Tensor
    share: torch.Tensor

    def part(self, rows: slice) -> Mixed:
        """Some of the images, with what belongs to them."""
        return Mixed(self.images[rows], self.labels_a[rows], self.labels_b[rows], self.share[rows])


def mix(images: torch.Tensor, labels: torch.Tensor, strengths: Augmentation, generator: torch.Generator) -> Mixed:
    """Each image with another of the batch; with both strengths, a batch is mixed in one of the two ways, by a coin.

    `strengths.mixes` holds; every image has a partner and a share of its own. Never in place.
    """
    cut = bool(strengths.cutmix)
    if strengths.mixup and strengths.cutmix:
        cut = bool(torch.rand((), generator=generator, device=generator.device) < 0.5)
    partners = torch.randperm(len(images), generator=generator, device=generator.device).to(images.device)
    share = _beta(images, strengths.cutmix if cut else strengths.mixup, generator)
    if cut:
        return _cutmix(images, labels, partners, share, generator)
    mixed = torch.lerp(images[partners], images, share.view(-1, 1, 1, 1).to(images.dtype))
    return Mixed(mixed, labels, labels[partners], share)


def _cutmix(
    images: torch.Tensor, labels: torch.Tensor, partners: torch.Tensor, share: torch.Tensor, generator: torch.Generator
) -> Mixed:
    """A box with its centre anywhere comes from the partner; what lies outside is cut off, and the share is what is left."""
    side = images.shape[-1]
    length = ((1 - share).sqrt() * side).floor()
    corners = (uniform(images, 2, generator) * side).floor() - (length / 2).floor()
    box = rectangle(corners[0], corners[1], length, length, side)
    mixed = torch.where(box.unsqueeze(1), images[partners], images)
    return Mixed(mixed, labels, labels[partners], 1 - box.float().mean((1, 2)))


def _beta(images: torch.Tensor, alpha: float, generator: torch.Generator) -> torch.Tensor:
    """float32 N from Beta(α, α); torch draws from it without a generator only, so NumPy does, seeded by one."""
    seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
    drawn = np.random.default_rng(seed).beta(alpha, alpha, len(images))
    return torch.from_numpy(drawn).float().to(images.device)
