from __future__ import annotations

import pytest
from pydantic import ValidationError

from pipeline.data.preparation.recipe import PreprocessParams, Recipe

RECIPE = Recipe(
    source="digits",
    classes=("no", "yés"),
    channels=3,
    image_size=8,
    fit="pad",
    denoise="median",
    mean=(0.1, 1 / 3, 0.3),
    std=(0.1, 0.2, 1.0),
    counts={"train": 1, "val": 2},
    digests={"train": "a", "val": "b"},
)


def test_a_recipe_reads_back_exactly_and_knows_its_shape() -> None:
    assert Recipe.from_bytes(RECIPE.to_bytes()) == RECIPE
    assert RECIPE.shape == (3, 8, 8)


@pytest.mark.parametrize("change", [("channels", "2"), ("fit", '"fill"'), ("image_size", "8.5")])
def test_anything_else_is_refused(change: tuple[str, str]) -> None:
    name, value = change
    old = {"channels": "3", "fit": '"pad"', "image_size": "8"}[name]
    content = RECIPE.to_bytes().decode().replace(f'"{name}": {old}', f'"{name}": {value}')
    with pytest.raises(ValidationError):
        Recipe.from_bytes(content.encode())


@pytest.mark.parametrize("size", ["auto", 1, 28, 1024])
def test_image_size_is_auto_or_a_number_of_pixels(size: str | int) -> None:
    assert PreprocessParams.model_validate({"image_size": size}).image_size == size


@pytest.mark.parametrize("size", ["small", 0, 1025, 28.0, True])
def test_other_image_sizes_are_refused(size: object) -> None:
    with pytest.raises(ValidationError):
        PreprocessParams.model_validate({"image_size": size})
