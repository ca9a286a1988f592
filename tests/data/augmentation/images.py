"""Small random images of values 0–1."""

from __future__ import annotations

import torch

from pipeline.data.seeds import generator


def images(count: int = 16, channels: int = 3, side: int = 9) -> torch.Tensor:
    """float32 N×C×S×S, the same for the same arguments."""
    return torch.rand(count, channels, side, side, generator=generator("images", count, channels, side))
