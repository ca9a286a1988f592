from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from pipeline.data.augmentation.augment import augment
from pipeline.data.augmentation.policy import Choice, choose, operations
from pipeline.data.augmentation.strengths import Augmentation
from pipeline.data.seeds import generator
from pipeline.data.sources.source import Kind
from tests.data.augmentation.images import images

CPU = torch.device("cpu")
PIXELS = (images(4, 3, 9) * 255).round()


def only(name: str, amount: float, count: int = 4) -> Choice:
    """One operation for every image."""
    names = operations("photos", 3)
    return Choice(names, torch.full((1, count), names.index(name)), torch.full((1, count), amount))


@pytest.mark.parametrize(
    ("name", "amount", "theirs"),
    [
        ("posterize", 1.0, lambda image: ImageOps.posterize(image, 4)),
        ("posterize", 0.5, lambda image: ImageOps.posterize(image, 6)),
        ("posterize", 0.0, lambda image: image),
        ("solarize", 0.5, lambda image: ImageOps.solarize(image, 128)),
        ("solarize", 1.0, lambda image: ImageOps.solarize(image, 1)),
        ("solarize", 0.0, lambda image: image),
        ("autocontrast", 1.0, ImageOps.autocontrast),
    ],
)
def test_operations_on_values_are_those_of_pillow(name: str, amount: float, theirs: Any) -> None:
    ours = (only(name, amount).points(PIXELS / 255) * 255).round()
    for image, found in zip(PIXELS, ours, strict=True):
        expected = np.asarray(theirs(Image.fromarray(image.permute(1, 2, 0).byte().numpy()))).transpose(2, 0, 1)
        np.testing.assert_allclose(found, expected, atol=1)


def test_sharpness_goes_both_ways_and_leaves_what_is_uniform() -> None:
    smooth, sharp = (only("sharpness", amount).points(PIXELS / 255) for amount in (-1.0, 1.0))
    assert smooth.var() < (PIXELS / 255).var() < sharp.var()
    torch.testing.assert_close(only("sharpness", 1.0).points(torch.full((4, 3, 9, 9), 0.4)), torch.full((4, 3, 9, 9), 0.4))


def test_only_the_images_chosen_are_changed() -> None:
    names = operations("photos", 3)
    drawn = torch.tensor([[names.index(name) for name in ("identity", "solarize", "identity", "brightness")]])
    changed = Choice(names, drawn, torch.ones(1, 4)).points(PIXELS / 255)
    assert [bool((one != other).any()) for one, other in zip(changed, PIXELS / 255, strict=True)] == [False, True, False, False]


def test_moves_and_tones_are_those_chosen_and_two_of_one_kind_add_up_to_the_largest() -> None:
    names = operations("photos", 3)
    drawn = torch.tensor(
        [[names.index(name) for name in row] for row in (("angle", "x", "angle"), ("angle", "brightness", "contrast"))]
    )
    choice = Choice(names, drawn, torch.tensor([[0.5, -0.5, 1.0], [0.25, 0.5, -1.0]]))
    moves, tones = choice.moves(CPU), choice.tones(CPU)
    torch.testing.assert_close(moves.angle, torch.tensor([0.75, 0.0, 1.0]) * math.radians(30))
    torch.testing.assert_close(moves.x, torch.tensor([0.0, -0.15, 0.0]))
    torch.testing.assert_close(tones.brightness, torch.tensor([1.0, 1.45, 1.0]))
    torch.testing.assert_close(tones.contrast, torch.tensor([1.0, 1.0, 0.1]))


@pytest.mark.parametrize(
    ("kind", "channels", "without"),
    [("photos", 3, set()), ("photos", 1, {"saturation"}), ("glyphs", 1, {"saturation", "posterize", "solarize"})],
)
def test_what_may_happen_depends_on_what_the_pictures_show(kind: Kind, channels: int, without: set[str]) -> None:
    assert set(operations("photos", 3)) - set(operations(kind, channels)) == without
    assert set(operations("unknown", 1)) == set(operations("glyphs", 1))


def test_randaugment_takes_two_operations_at_its_strength_and_trivialaugment_one_up_to_it() -> None:
    batch = torch.empty(3000, 3, 1, 1)
    rand = choose(batch, Augmentation(policy="randaugment", policy_strength=0.4), "photos", generator("x"))
    trivial = choose(batch, Augmentation(policy="trivialaugment", policy_strength=0.4), "photos", generator("x"))
    assert rand.operations.shape == (2, 3000) and trivial.operations.shape == (1, 3000)
    torch.testing.assert_close(rand.amounts.abs(), torch.full((2, 3000), 0.4))
    assert trivial.amounts.abs().max() <= 0.4 and trivial.amounts.abs().mean() == pytest.approx(0.2, abs=0.01)
    for choice in (rand, trivial):
        shares = torch.bincount(choice.operations.flatten()) / choice.operations.numel()
        torch.testing.assert_close(shares, torch.full((13,), 1 / 13), atol=0.02, rtol=0)
        assert abs(choice.amounts.sign().mean()) < 0.05


@pytest.mark.parametrize("policy", ["randaugment", "trivialaugment"])
def test_a_policy_of_no_strength_moves_and_recolours_nothing(policy: str) -> None:
    strengths = Augmentation.model_validate({"policy": policy, "policy_strength": 0.0})
    choice = choose(images(), strengths, "photos", generator("x"))
    assert float(torch.as_tensor(choice.moves(CPU).angle).abs().max()) == 0.0
    changed = augment(images(), strengths, "photos", generator("x"))
    kept = torch.isclose(changed, images(), atol=1e-4).flatten(1).all(1)
    assert kept.float().mean() > 0.6  # autocontrast and posterizing to 256 levels are all that is left
