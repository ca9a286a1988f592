from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from pipeline.data.images.decoding import Decoding
from pipeline.data.preparation.recipe import PreprocessParams, Recipe
from pipeline.data.preparation.steps import Contrast, Resize

RECIPE = Recipe(
    source="digits",
    kind="glyphs",
    classes=("no", "yés"),
    decode=Decoding(background="#000000", reduce_to=64),
    channels=3,
    image_size=8,
    steps=(Resize(fit="pad"), Contrast(clip=1 / 3 + 1)),
    mean=(0.1, 1 / 3, 0.3),
    std=(0.1, 0.2, 1.0),
    class_weights=(2 / 3, 2.0),
    counts={"train": 1, "val": 2},
    digests={"train": "a", "val": "b"},
)


def test_a_recipe_reads_back_exactly_and_knows_its_shape() -> None:
    assert Recipe.from_bytes(RECIPE.to_bytes()) == RECIPE
    assert RECIPE.shape == (3, 8, 8)


@pytest.mark.parametrize(
    "change",
    [
        {"channels": 2},
        {"steps": [{"resize": "fill"}]},
        {"steps": ["contrast", {"resize": "pad"}]},
        {"image_size": 8.5},
        {"fit": "pad"},
    ],
)
def test_anything_else_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Recipe.from_bytes(json.dumps({**json.loads(RECIPE.to_bytes()), **change}).encode())


@pytest.mark.parametrize("size", ["auto", 2, 28, 1024])
def test_image_size_is_auto_or_a_number_of_pixels(size: str | int) -> None:
    assert PreprocessParams.model_validate({"image_size": size}).image_size == size


@pytest.mark.parametrize("wrong", [{"image_size": size} for size in ("small", 0, 1, 1025, 28.0, True)] + [{"workers": 0}])
def test_other_values_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        PreprocessParams.model_validate(wrong)
