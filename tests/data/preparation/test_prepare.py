"""What preprocess stores and what the exported program computes inside are the same pixels, bit for bit."""

from __future__ import annotations

import io
import itertools
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.data.preparation.prepare import Prepare, input_dims
from pipeline.data.preparation.recipe import PreprocessParams

FITS = ("stretch", "crop", "pad", "object")
STEPS: dict[str, list[Any]] = {
    **{fit: [{"resize": fit}] for fit in FITS},
    "median, stretch": [{"denoise": "median"}, {"resize": "stretch"}],
    "pad, contrast": [{"resize": "pad"}, {"contrast": {"clip": 3.0, "tiles": 3}}],
    "gaussian, crop": [{"denoise": "gaussian"}, {"resize": "crop"}],
    "crop, bilateral": [{"resize": "crop"}, {"denoise": "bilateral"}],
    "all": [{"denoise": "median"}, {"resize": "object"}, "contrast", {"denoise": "gaussian"}],
}
SIZES = [(1, 1), (7, 5), (1, 9), (16, 16), (28, 28), (100, 100), (61, 2), (33, 150), (375, 500)]
EVERY = [(1 + 2 * (index % 2), steps) for index, steps in enumerate(STEPS)] + [(1, "pad, contrast"), (3, "stretch")]


def noise(*shape: int) -> torch.Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(sum(shape)))


def objects(*shape: int) -> torch.Tensor:
    """A disc of noise on an even background, elsewhere in each image."""
    number, _, height, width = shape
    down, right = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    place = torch.linspace(0.3, 0.7, number).view(-1, 1, 1)
    inside = (down - place) ** 2 + (right - place) ** 2 < 0.04
    return torch.where(inside.unsqueeze(1), noise(*shape), 200).to(torch.uint8)


def prepare(channels: int, steps: str, side: int = 16) -> Prepare:
    return Prepare(channels, side, PreprocessParams.model_validate({"steps": STEPS[steps]}).steps)


def exported(module: Prepare) -> torch.export.ExportedProgram:
    return torch.export.export(module, (noise(2, 3, 20, 25),), dynamic_shapes={"images": input_dims()})


@pytest.mark.parametrize(("channels", "steps"), EVERY)
def test_one_exported_and_reloaded_program_equals_preprocess_at_every_size(channels: int, steps: str) -> None:
    module = prepare(channels, steps)
    program = exported(module)
    stream = io.BytesIO()
    torch.export.save(program, stream)
    reloaded = torch.export.load(io.BytesIO(stream.getvalue())).module()
    unsaved = program.module()
    for given, size in itertools.product((1, 3), SIZES):
        for images in (noise(2, given, *size), objects(1, given, *size)):
            expected = module(images)
            assert expected.dtype == torch.uint8 and expected.shape == (len(images), channels, 16, 16)
            assert torch.equal(unsaved(images), expected), (given, size)
            assert torch.equal(reloaded(images), expected), (given, size)


@pytest.mark.parametrize(("channels", "steps"), EVERY)
def test_an_image_alone_comes_out_as_in_a_batch(channels: int, steps: str) -> None:
    module = prepare(channels, steps)
    for shape in [(6, 3, 21, 33), (7, 1, 33, 21), (6, 3, 16, 16), (5, 3, 90, 77)]:
        for images in (noise(*shape), objects(*shape)):
            assert torch.equal(module(images), torch.cat([module(image[None]) for image in images]))


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("shape", [(2, 1, 16, 16), (2, 3, 16, 16)])
def test_an_image_of_the_right_size_keeps_its_pixels(fit: str, shape: tuple[int, ...]) -> None:
    assert torch.equal(prepare(shape[1], fit)(noise(*shape)), noise(*shape))


def test_steps_are_taken_in_their_order() -> None:
    before, after = prepare(1, "median, stretch"), Prepare(1, 16, tuple(reversed(prepare(1, "median, stretch").steps)))
    image = noise(1, 1, 40, 40)
    assert not torch.equal(before(image), after(image))


def test_grey_is_what_pillow_computes() -> None:
    image = noise(1, 3, 64, 64)
    pillow = np.asarray(Image.fromarray(image[0].permute(1, 2, 0).numpy()).convert("L"))
    assert np.array_equal(prepare(1, "stretch", 64)(image)[0, 0].numpy(), pillow)


def test_grey_becomes_three_equal_channels() -> None:
    image = noise(2, 1, 8, 8)
    assert torch.equal(prepare(3, "stretch", 8)(image), image.expand(-1, 3, -1, -1))
