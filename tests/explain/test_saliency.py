"""Attributions add up to what they explain, and pictures of them have the colours that the page names."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.data.preparation.standardize import Standardize
from pipeline.explain.saliency import attributions, overlay
from pipeline.models.blocks import build
from pipeline.models.layers import Activation, Conv, Dense, Flatten, Layer

STANDARDIZE = Standardize((0.4,), (0.25,))


def network(units: int) -> nn.Module:
    torch.manual_seed(0)
    layers: tuple[Layer, ...] = (Conv(4, 3), Activation("relu"), Flatten(), Dense(units))
    return build(layers, (1, 6, 6)).eval()


def images(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 1, 6, 6)).astype(np.uint8)


@pytest.mark.parametrize(("units", "classes"), [(3, (0, 2, 1)), (1, (0, 1, 0))])
def test_the_pixels_of_an_image_add_up_to_its_logit_less_that_of_the_mean_image(units: int, classes: tuple[int, ...]) -> None:
    model, shown, wanted = network(units), images(3), np.array(classes)
    found = attributions(model, STANDARDIZE, shown, wanted)
    with torch.no_grad():
        logits = model(STANDARDIZE(torch.from_numpy(shown))) - model(torch.zeros(1, 1, 6, 6))
    both = torch.cat([-logits, logits], 1) if units == 1 else logits
    assert found.shape == (3, 6, 6) and found.dtype == np.float32
    assert found.sum((1, 2)) == pytest.approx(both.numpy()[np.arange(3), wanted], abs=0.02)


def test_what_speaks_for_the_class_is_orange_what_speaks_against_it_blue_and_the_rest_grey() -> None:
    attribution = np.zeros((6, 6), np.float32)
    attribution[0, 0], attribution[5, 5] = 1.0, -1.0
    red, _, blue = (overlay(images(1)[0], attribution)[..., channel].astype(int) for channel in range(3))
    assert red[0, 0] > blue[0, 0] + 100 and blue[5, 5] > red[5, 5] + 100
    assert (red == blue).sum() == 34


def test_nothing_said_is_drawn_as_nothing() -> None:
    grey = overlay(images(1)[0], np.zeros((6, 6), np.float32))
    assert (grey[..., 0] == grey[..., 2]).all()
