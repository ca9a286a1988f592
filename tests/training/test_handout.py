"""Every form in which a network leaves answers as it does; what cannot be exported, or answers otherwise, is named."""

from __future__ import annotations

import json
from typing import Any, Literal

import numpy as np
import pytest
import torch
from safetensors.torch import load as tensors_of

from pipeline.data.preparation.recipe import PreprocessParams, Recipe
from pipeline.errors import ExportDiffers, NotExportable
from pipeline.models.blocks import build
from pipeline.training import engines, handout, onnx_program, program
from pipeline.training.hyperparameters import parse
from tests.training.samples import noise

STEPS: list[list[Any]] = [
    [{"resize": "stretch"}],
    [{"resize": "object"}],
    [{"denoise": "median"}, {"resize": "pad"}, {"denoise": "bilateral"}, "contrast", {"denoise": "gaussian"}],
]
SIZES = [(1, 1), (5, 3), (21, 34), (8, 8), (90, 41)]


def untrained(recipe: Recipe, **extra: bool | str) -> torch.nn.Module:
    """A network as it is before training: what it says of noise spreads over the classes."""
    hyperparameters = parse(
        "cnn", {"model.num_conv_layers": 1, "model.filters": 4, **{f"model.{k}": v for k, v in extra.items()}}
    )
    torch.manual_seed(0)
    return build(hyperparameters.layers(len(recipe.classes)), recipe.shape).eval()


@pytest.mark.parametrize(
    ("channels", "classes", "steps"),
    [(1, 3, STEPS[0]), *(pytest.param(3, 2, steps, marks=pytest.mark.campaign) for steps in STEPS[1:3])],
    ids=["stretch", "object", "every other step"],
)
def test_onnx_answers_as_torch_for_every_number_size_and_channel(channels: Literal[1, 3], classes: int, steps: list[Any]) -> None:
    _, recipe = noise(channels=channels, classes=classes)
    recipe = recipe.model_copy(update={"steps": PreprocessParams.model_validate({"steps": steps}).steps})
    exported = program.export(untrained(recipe, normalization="batch"), recipe)
    torch_says, onnx_says = engines.torch_answers(exported), engines.onnx_answers(onnx_program.to_onnx(exported))
    moved = program.on_device(exported, "cpu")
    numbers = np.random.default_rng(0)
    for count, given in ((1, 3), (7, 1)):
        for size in SIZES:
            images = numbers.integers(0, 256, (count, given, *size), dtype=np.uint8)
            expected, with_torch_elsewhere = torch_says(images), moved(torch.from_numpy(images)).detach().numpy()
            for found in (onnx_says(images), with_torch_elsewhere):
                np.testing.assert_allclose(found, expected, atol=1e-6, err_msg=str(images.shape))


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """What leaves with an untrained network."""
    _, recipe = noise()
    return handout.handout(untrained(recipe), recipe)


def test_all_that_leaves_is_there_the_same_each_time_and_names_nothing_of_this_machine(files: dict[str, bytes]) -> None:
    _, recipe = noise()
    network = untrained(recipe)

    assert files == handout.handout(network, recipe)
    assert not any(b"/pipeline/" in content or b"site-packages" in content for content in files.values())
    assert json.loads(files["labels.json"]) == ["0", "1", "2"]
    assert json.loads(files["preprocessing.json"])["steps"] == [{"resize": {"fit": "stretch"}}]
    assert tensors_of(files["weights.safetensors"]).keys() == network.state_dict().keys()
    samples = engines.read_samples(files["samples.safetensors"])
    assert {images.shape[1] for images, _ in samples} == {1, 3} and len(samples) == 5
    engines.require_equal("itself", engines.torch_answers(files["program.pt2"]), samples)


def test_another_answer_is_an_error_and_so_is_none(files: dict[str, bytes]) -> None:
    samples = engines.read_samples(files["samples.safetensors"])
    right = {images.shape: said for images, said in samples}
    engines.require_equal("x", lambda images: right[images.shape] + np.float32(9e-5), samples)
    for wrong in (lambda said: said + np.float32(2e-4), lambda said: said * np.nan, lambda said: said[:, :1]):
        with pytest.raises(ExportDiffers, match=r"x — of images 2×1×8×8"):
            engines.require_equal("x", lambda images, wrong=wrong: wrong(right[images.shape]), samples)  # type: ignore[misc]


class _Undecided(torch.nn.Module):
    """Looks at a value to decide, which no exporter carries."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1)[:, :3] * (2 if images.sum() > 0 else 1)


class _Uncommon(torch.nn.Module):
    """Which torch carries and ONNX has no operation for."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.special.bessel_j0(images.flatten(1)[:, :3])


@pytest.mark.parametrize(("network", "form"), [(_Undecided(), "torch.export"), (_Uncommon(), "ONNX")])
def test_a_family_that_cannot_be_exported_is_told_by_what(network: torch.nn.Module, form: str) -> None:
    _, recipe = noise()
    with pytest.raises(NotExportable, match=rf"E218 {form} of this family — .*adding-a-family\.md"):
        handout.handout(network, recipe)
