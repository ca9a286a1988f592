"""Random changes of a batch of images, on the device where it lies: no per-image work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from pipeline.data.augmentation import color, geometry, policy
from pipeline.data.augmentation.erase import erase
from pipeline.data.augmentation.strengths import Augmentation

if TYPE_CHECKING:
    from pipeline.data.sources.source import Kind


def augment(images: torch.Tensor, strengths: Augmentation, kind: Kind, generator: torch.Generator) -> torch.Tensor:
    """The batch (float N×C×S×S of values 0–1) with each image changed at random; never in place.

    In this order: flips and crop, one resampling for all other moves, blur, tones, the policy's other operations, noise
    (which alone may leave 0–1), erasing. The same generator state gives the same images, on every device but for noise.
    Strengths of zero cost nothing and draw no numbers. Mixing, which changes labels too, is `mixing.mix`.
    """
    strengths = strengths.resolved(kind)
    if geometry.rearranges(strengths):
        images = geometry.flip_and_crop(images, strengths, generator)
    choice = policy.choose(images, strengths, kind, generator) if strengths.policy != "none" else None
    if choice or geometry.warps(strengths):
        moves = geometry.draw(images, strengths, generator)
        images = geometry.warp(images, moves.and_then(choice.moves(images.device)) if choice else moves)
    if strengths.blur:
        images = color.blur(images, strengths.blur, generator)
    if choice or color.tones_change(strengths, images.shape[1]):
        tones = color.draw(images, strengths, generator)
        images = color.tone(images, tones.and_then(choice.tones(images.device)) if choice else tones)
    if choice:
        images = choice.points(images)
    if strengths.noise:
        images = color.add_noise(images, strengths.noise, generator)
    return erase(images, strengths.erase, generator) if strengths.erase else images
