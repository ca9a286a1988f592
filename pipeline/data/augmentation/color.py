"""What values pixels have: brightness, contrast, saturation and hue as one matrix an image, noise, and blur."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from pipeline.data.augmentation.numbers import Amount, normal, spread, uniform
from pipeline.data.augmentation.strengths import Augmentation

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
_TO_YIQ = ((0.299, 0.587, 0.114), (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))  # NTSC: luma and the colour plane


@dataclass(frozen=True, eq=False)
class Tones:
    """How the values of each image change: factors, 1 for none; hue as an angle in radians."""

    brightness: Amount = 1.0
    contrast: Amount = 1.0
    saturation: Amount = 1.0
    hue: Amount = 0.0

    def and_then(self, other: Tones) -> Tones:
        """Both, as one change: factors multiply, angles add up."""
        return Tones(
            self.brightness * other.brightness,
            self.contrast * other.contrast,
            self.saturation * other.saturation,
            self.hue + other.hue,
        )


def tones_change(strengths: Augmentation, channels: int) -> bool:
    """Whether the values of images with so many channels change; one channel has neither saturation nor hue."""
    of_colors = channels == 3 and (strengths.saturation or strengths.hue)
    return bool(strengths.brightness or strengths.contrast or of_colors)


def draw(images: torch.Tensor, strengths: Augmentation, generator: torch.Generator) -> Tones:
    """A change for each image; for one channel, saturation and hue draw nothing."""
    colored = images.shape[1] == 3
    return Tones(
        brightness=1 + spread(images, strengths.brightness, generator),
        contrast=1 + spread(images, strengths.contrast, generator),
        saturation=1 + spread(images, strengths.saturation if colored else 0.0, generator),
        hue=spread(images, 2 * math.pi * strengths.hue if colored else 0.0, generator),
    )


def tone(images: torch.Tensor, tones: Tones) -> torch.Tensor:
    """The images (0–1) with their values changed: brightness, contrast about the mean grey, saturation, hue; cut to 0–1.

    All four are linear, so each image has one C×C matrix and one offset. Hue turns the colours about the grey axis, which
    keeps the luma of each pixel.
    """
    count, channels = images.shape[:2]
    one = torch.ones(count, device=images.device, dtype=images.dtype)
    factor = tones.brightness * tones.contrast * one
    grey = _mean_grey(images) if _varies(tones.contrast) else 0 * one
    offset = ((1 - tones.contrast) * tones.brightness * grey).view(-1, 1, 1)
    if channels == 1 or not (_varies(tones.saturation) or _varies(tones.hue)):
        return torch.addcmul(offset.unsqueeze(-1), images, factor.view(-1, 1, 1, 1)).clamp_(0, 1)
    matrix = factor.view(-1, 1, 1) * (_turn(tones.hue * one) @ _saturate(tones.saturation * one))
    return torch.baddbmm(offset, matrix, images.flatten(2)).view(images.shape).clamp_(0, 1)


def add_noise(images: torch.Tensor, strength: float, generator: torch.Generator) -> torch.Tensor:
    """With Gaussian noise of this standard deviation, not cut to 0–1."""
    return normal(images, generator).mul_(strength).add_(images)


def blur(images: torch.Tensor, largest: float, generator: torch.Generator) -> torch.Tensor:
    """Each image under a Gaussian of its own width, up to `largest` pixels standard deviation; edges repeated."""
    return blurred(images, largest * uniform(images, 1, generator)[0], largest)


def blurred(images: torch.Tensor, deviations: torch.Tensor, largest: float) -> torch.Tensor:
    """Each image under a Gaussian of its standard deviation in pixels, ≤ `largest`, cut off at three of these."""
    count, channels, height, width = images.shape
    reach = math.ceil(3 * largest)
    steps = torch.arange(-reach, reach + 1, device=images.device)
    kernels = torch.exp(-0.5 * (steps / deviations.clamp(min=1e-3).unsqueeze(1)) ** 2)
    kernels = (kernels / kernels.sum(1, keepdim=True)).to(images.dtype).repeat_interleave(channels, 0)
    planes = F.pad(images.reshape(1, count * channels, height, width), (reach,) * 4, mode="replicate")
    planes = F.conv2d(planes, kernels.view(-1, 1, 1, 2 * reach + 1), groups=count * channels)
    return F.conv2d(planes, kernels.view(-1, 1, 2 * reach + 1, 1), groups=count * channels).view(images.shape)


def _varies(amount: Amount) -> bool:
    return isinstance(amount, torch.Tensor)


def _mean_grey(images: torch.Tensor) -> torch.Tensor:
    """float N."""
    means = images.mean((2, 3))
    return means[:, 0] if images.shape[1] == 1 else means @ torch.tensor(_LUMA, device=images.device, dtype=images.dtype)


def _saturate(factors: torch.Tensor) -> torch.Tensor:
    """N×3×3: towards grey or away from it."""
    grey = torch.tensor([_LUMA] * 3, device=factors.device, dtype=factors.dtype)
    return torch.lerp(grey, torch.eye(3, device=factors.device, dtype=factors.dtype), factors.view(-1, 1, 1))


def _turn(angles: torch.Tensor) -> torch.Tensor:
    """N×3×3: the colour plane of YIQ turned."""
    there = torch.tensor(_TO_YIQ, dtype=torch.float64)
    cosine = there.inverse() @ torch.diag(torch.tensor([0.0, 1.0, 1.0], dtype=torch.float64)) @ there
    quarter = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]], dtype=torch.float64)
    sine = there.inverse() @ quarter @ there
    fixed = torch.eye(3, dtype=torch.float64) - cosine
    fixed, cosine, sine = (part.to(angles.device, angles.dtype) for part in (fixed, cosine, sine))
    turns = angles.view(-1, 1, 1)
    return fixed + turns.cos() * cosine + turns.sin() * sine
