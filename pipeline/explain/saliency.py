"""Which pixels spoke for a class: integrated gradients (Sundararajan et al., arXiv:1703.01365) by Captum."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

_STEPS = 50  # of the integral; the paper finds 20 to 300 enough
_AT_ONCE = 64  # images a pass
_GREATEST = 99.0  # percentile of a picture's pixels that is drawn in full colour
_FOR, _AGAINST = (199, 80, 0), (0, 103, 177)  # orange and blue, apart for every kind of colour vision


def attributions(
    network: nn.Module, standardize: nn.Module, images: npt.NDArray[np.uint8], classes: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """float32 N×S×S: what each pixel of uint8 N×C×S×S adds to the logit of its class, over the mean image of the training.

    The sum over a picture is its logit less that of the mean image. Of two classes with one logit, that counts against the first.
    """
    from captum.attr import IntegratedGradients

    def score(pixels: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        logits = network(pixels)
        if logits.shape[1] == 1:
            return torch.where(wanted == 1, logits[:, 0], -logits[:, 0])
        chosen: torch.Tensor = logits.gather(1, wanted[:, None])[:, 0]
        return chosen

    pixels, wanted = standardize(torch.from_numpy(images.copy())), torch.from_numpy(classes)
    found: torch.Tensor = IntegratedGradients(score).attribute(
        pixels, torch.zeros_like(pixels), additional_forward_args=(wanted,), n_steps=_STEPS, internal_batch_size=_AT_ONCE
    )
    summed: npt.NDArray[np.float32] = found.detach().sum(1).float().numpy()
    return summed


def overlay(image: npt.NDArray[np.uint8], attribution: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """uint8 S×S×3: the image C×S×S in pale grey, under it orange where a pixel speaks for the class and blue against it."""
    grey = 255 - (255 - image.mean(0)) * 0.4
    greatest = float(np.percentile(np.abs(attribution), _GREATEST)) or 1.0
    strength = np.clip(np.abs(attribution) / greatest, 0, 1)[..., None] * 0.9
    colour = np.where(attribution[..., None] >= 0, _FOR, _AGAINST)
    drawn: npt.NDArray[np.uint8] = (grey[..., None] * (1 - strength) + colour * strength).round().astype(np.uint8)
    return drawn
