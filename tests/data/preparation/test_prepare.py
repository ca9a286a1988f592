from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.data.preparation.prepare import Prepare, Standardize, input_dims
from pipeline.data.preparation.recipe import Denoise, Fit

FITS: tuple[Fit, ...] = ("stretch", "crop", "pad")
DENOISES: tuple[Denoise, ...] = ("none", "median", "gaussian")
SHAPES = [(1, 1, 8, 8), (1, 3, 16, 16), (5, 3, 9, 40), (2, 1, 40, 9), (1, 3, 1, 1), (3, 1, 1, 7), (2, 3, 300, 2), (1, 1, 64, 48)]


def noise(*shape: int) -> torch.Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(sum(shape)))


EVERY_PREPARE = [Prepare(channels, 16, fit, denoise) for channels, fit, denoise in itertools.product((1, 3), FITS, DENOISES)]


@pytest.mark.parametrize("prepare", EVERY_PREPARE, ids=lambda p: f"{p.channels}-{p.fit}-{p.denoise}")
def test_one_exported_program_equals_eager_on_every_shape(prepare: Prepare) -> None:
    program = torch.export.export(prepare, (noise(2, 3, 20, 25),), dynamic_shapes={"images": input_dims()}).module()
    for shape in SHAPES:
        assert torch.equal(program(noise(*shape)), prepare(noise(*shape))), shape


@pytest.mark.parametrize("prepare", EVERY_PREPARE, ids=lambda p: f"{p.channels}-{p.fit}-{p.denoise}")
def test_an_image_alone_comes_out_as_in_a_batch(prepare: Prepare) -> None:
    for shape in [(6, 3, 21, 33), (6, 1, 33, 21), (6, 3, 16, 16)]:
        images = noise(*shape)
        assert torch.equal(prepare(images), torch.cat([prepare(image[None]) for image in images]))


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("shape", [(2, 1, 16, 16), (2, 3, 16, 16)])
def test_an_image_of_the_right_size_keeps_its_pixels(fit: Fit, shape: tuple[int, ...]) -> None:
    assert torch.equal(Prepare(shape[1], 16, fit, "none")(noise(*shape)), noise(*shape))


def test_grey_is_what_pillow_computes() -> None:
    image = noise(1, 3, 64, 64)
    pillow = np.asarray(Image.fromarray(image[0].permute(1, 2, 0).numpy()).convert("L"))
    assert np.array_equal(Prepare(1, 64, "stretch", "none")(image)[0, 0].numpy(), pillow)


def test_grey_becomes_three_equal_channels() -> None:
    image = noise(2, 1, 8, 8)
    assert torch.equal(Prepare(3, 8, "stretch", "none")(image), image.expand(-1, 3, -1, -1))


@pytest.mark.parametrize(("height", "width"), [(16, 48), (48, 16)])
def test_crop_keeps_the_centre_and_pad_adds_black(height: int, width: int) -> None:
    image = torch.full((1, 1, height, width), 200, dtype=torch.uint8)
    centre = image[..., 16:32] if height == 16 else image[..., 16:32, :]
    centre.fill_(50)
    assert (Prepare(1, 16, "crop", "none")(image) == 50).all()
    padded = Prepare(1, 48, "pad", "none")(image)
    inside = padded[..., 16:32, :] if height == 16 else padded[..., 16:32]
    assert torch.equal(inside, image)
    assert padded.sum() == image.sum()


def test_stretch_is_the_mean_of_what_it_joins() -> None:
    image = torch.tensor([[10, 10, 200, 200], [10, 10, 200, 200]], dtype=torch.uint8)[None, None]
    small = Prepare(1, 2, "stretch", "none")(image)
    assert small.shape == (1, 1, 2, 2)
    assert (small[..., 0] < small[..., 1]).all()
    assert (Prepare(1, 7, "stretch", "none")(torch.full((1, 1, 31, 3), 77, dtype=torch.uint8)) == 77).all()


def test_median_equals_sorting_each_neighbourhood() -> None:
    image = noise(3, 1, 12, 12)
    padded = np.pad(image.numpy(), ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    expected = np.median(windows.reshape(*windows.shape[:4], 9), axis=-1)
    assert np.array_equal(Prepare(1, 12, "stretch", "median")(image).numpy(), expected)


def test_gaussian_of_a_point_is_its_kernel() -> None:
    image = torch.zeros(1, 1, 5, 5, dtype=torch.uint8)
    image[..., 2, 2] = 160
    assert Prepare(1, 5, "stretch", "gaussian")(image)[0, 0, 1:4, 1:4].tolist() == [[10, 20, 10], [20, 40, 20], [10, 20, 10]]


def test_standardize_uses_the_statistics_channel_by_channel() -> None:
    image = torch.tensor([[[[0]], [[255]], [[51]]]], dtype=torch.uint8)
    standardized = Standardize((0.0, 0.5, 0.2), (1.0, 0.25, 0.1))(image)
    assert standardized.dtype == torch.float32
    assert torch.allclose(standardized.flatten(), torch.tensor([0.0, 2.0, 0.0]), atol=1e-6)
