"""A random choice of operations for each image: RandAugment (arXiv:1909.13719) and TrivialAugment (arXiv:2103.10158).

Moves and tones are collected into the one resampling and the one matrix of the batch; the others act on the images chosen.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from pipeline.data.augmentation.color import Tones, blurred
from pipeline.data.augmentation.geometry import Moves
from pipeline.data.augmentation.strengths import Augmentation

if TYPE_CHECKING:
    from pipeline.data.sources.source import Kind

_OPERATIONS = {"randaugment": 2, "trivialaugment": 1}  # an image
_MOVES = {"angle": math.radians(30), "shear_x": 0.3, "shear_y": 0.3, "x": 0.3, "y": 0.3}  # largest, as in RandAugment
_TONES = {"brightness": 0.9, "contrast": 0.9, "saturation": 0.9}  # largest change of a factor, as there


def _sharpen(images: torch.Tensor, amounts: torch.Tensor) -> torch.Tensor:
    """Away from a blurred copy (amount > 0) or towards it, by up to 0.9 of the difference."""
    soft = blurred(images, torch.full((len(images),), 0.7, device=images.device), 0.7)
    return torch.lerp(soft, images, 1 + 0.9 * amounts).clamp_(0, 1)


def _stretch(images: torch.Tensor, amounts: torch.Tensor) -> torch.Tensor:
    """Autocontrast: the darkest value of each channel becomes 0 and the brightest 1; what is uniform stays."""
    low, high = images.amin((2, 3), keepdim=True), images.amax((2, 3), keepdim=True)
    return torch.where(high > low, (images - low) / (high - low).clamp(min=1e-6), images)


def _posterize(images: torch.Tensor, amounts: torch.Tensor) -> torch.Tensor:
    """Fewer levels: from 256 down to 16."""
    levels = 2 ** (8 - (4 * amounts.abs()).round())
    return ((images * 255).round() * levels / 256).floor() * (256 / levels) / 255


def _solarize(images: torch.Tensor, amounts: torch.Tensor) -> torch.Tensor:
    """Values above a threshold, from 1 down to 0, are inverted."""
    return torch.where(images > 1 - amounts.abs(), 1 - images, images)


# On float n×C×S×S in 0–1 and n×1×1×1 amounts from −1 to 1.
_POINTS: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "sharpness": _sharpen,
    "autocontrast": _stretch,
    "posterize": _posterize,
    "solarize": _solarize,
}
_ONLY_PHOTOS = ("posterize", "solarize")  # a glyph of few levels can lose its strokes to them


@dataclass(frozen=True, eq=False)
class Choice:
    """What happens to each image: operations and signed amounts, both `layers`×N on the CPU; numbers index `names`."""

    names: tuple[str, ...]
    operations: torch.Tensor  # int64
    amounts: torch.Tensor  # float32 from −1 to 1

    def moves(self, device: torch.device) -> Moves:
        """The chosen moves of each image; for those without, none."""
        totals = self._totals(device)
        return Moves(**{name: largest * totals[name] for name, largest in _MOVES.items()})

    def tones(self, device: torch.device) -> Tones:
        """The chosen changes of tone; for those without, none."""
        totals = self._totals(device)
        return Tones(**{name: 1 + largest * totals[name] for name, largest in _TONES.items() if name in totals})

    def points(self, images: torch.Tensor) -> torch.Tensor:
        """The images, those chosen changed by operations on values, one layer after the other; never in place."""
        changed = images.clone()
        for layer, amounts in zip(self.operations, self.amounts, strict=True):
            for number, name in enumerate(self.names):
                rows = (layer == number).nonzero()[:, 0] if name in _POINTS else layer[:0]
                if len(rows):
                    here = rows.to(images.device)
                    signed = amounts[rows].view(-1, 1, 1, 1).to(images.device, images.dtype)
                    changed[here] = _POINTS[name](changed[here], signed)
        return changed

    def _totals(self, device: torch.device) -> dict[str, torch.Tensor]:
        """Operation → float32 N: its amounts, added up over the layers and cut to −1 to 1."""
        totals = torch.zeros(len(self.names), self.operations.shape[1]).scatter_add_(0, self.operations, self.amounts)
        return dict(zip(self.names, totals.clamp(-1, 1).to(device), strict=True))


def operations(kind: Kind, channels: int) -> tuple[str, ...]:
    """Names of what may happen to pictures of this kind; the first does nothing. None of them flips."""
    points = [name for name in _POINTS if kind == "photos" or name not in _ONLY_PHOTOS]
    tones = [name for name in _TONES if channels == 3 or name != "saturation"]
    return ("identity", *_MOVES, *tones, *points)


def choose(images: torch.Tensor, strengths: Augmentation, kind: Kind, generator: torch.Generator) -> Choice:
    """Operations for each image: RandAugment two at `policy_strength`, TrivialAugment one at a random part of it."""
    names, layers = operations(kind, images.shape[1]), _OPERATIONS[strengths.policy]
    shape, device = (layers, len(images)), generator.device
    drawn = torch.randint(len(names), shape, generator=generator, device=device)
    amounts = torch.full(shape, strengths.policy_strength)
    signs = torch.randint(2, shape, generator=generator, device=device).cpu() * 2 - 1
    if strengths.policy == "trivialaugment":
        amounts = amounts * torch.rand(shape, generator=generator, device=device).cpu()
    return Choice(names, drawn.cpu(), amounts * signs)
