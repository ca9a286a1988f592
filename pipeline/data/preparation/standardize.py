"""From uint8 pixels to numbers around zero, by the statistics of the train images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from pipeline.data.preparation.recipe import Recipe


class Standardize(nn.Module):
    """uint8 N×C×S×S → float32 (x/255 − mean) / std, channel by channel; torch.export carries it for any N."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32).view(1, -1, 1, 1))

    @classmethod
    def of(cls, recipe: Recipe) -> Standardize:
        """The standardization by the train statistics in `recipe`."""
        return cls(recipe.mean, recipe.std)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return self.shares(images.float() / 255)

    def shares(self, images: torch.Tensor) -> torch.Tensor:
        """The same for float images that are divided by 255 already."""
        return (images - self.mean) / self.std
