"""Random numbers of a batch, one for each image: drawn on the generator's device, the same wherever the images lie."""

from __future__ import annotations

import torch

Amount = torch.Tensor | float  # one for each image, float32 N, or the same for all


def uniform(images: torch.Tensor, count: int, generator: torch.Generator) -> torch.Tensor:
    """float32 `count`×N in 0–1, on the device of the images."""
    return torch.rand(count, len(images), generator=generator, device=generator.device).to(images.device)


def spread(images: torch.Tensor, largest: float, generator: torch.Generator) -> Amount:
    """float32 N from −largest to largest, all equally likely; a plain 0.0, and nothing drawn, when largest is 0."""
    return largest * (2 * uniform(images, 1, generator)[0] - 1) if largest else 0.0


def happens(images: torch.Tensor, probability: float, generator: torch.Generator) -> torch.Tensor:
    """bool N, each true with `probability`."""
    return uniform(images, 1, generator)[0] < probability


def whole(images: torch.Tensor, largest: int, generator: torch.Generator) -> torch.Tensor:
    """int64 N from −largest to largest, all equally likely."""
    drawn = torch.randint(-largest, largest + 1, (len(images),), generator=generator, device=generator.device)
    return drawn.to(images.device)


def normal(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Standard normal numbers of the images' shape, device and type; one draw of `generator` seeds a generator there.

    Pixels are too many to draw in one place and move to another, so these alone differ from device to device.
    """
    seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
    there = torch.Generator(images.device).manual_seed(seed)
    return torch.randn(images.shape, generator=there, device=images.device, dtype=images.dtype)
