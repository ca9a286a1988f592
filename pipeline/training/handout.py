"""What leaves the project with a trained network: each form of it, checked to answer as the network does."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from safetensors.torch import save as bytes_of
from torch import nn

from pipeline.data.preparation.prepare import Prepare
from pipeline.data.preparation.recipe import Recipe
from pipeline.data.preparation.standardize import Standardize
from pipeline.errors import NotExportable
from pipeline.training import onnx_program, program
from pipeline.training.engines import FILES, SAMPLES, Samples, onnx_answers, require_equal, torch_answers
from pipeline.training.loss import probabilities

WEIGHTS = "weights.safetensors"
_SHAPES = ((2, 1, 8, 8), (1, 3, 5, 3), (2, 3, 37, 52), (1, 1, 96, 64))  # of samples; the network's own size joins them
_SEED = 0


def handout(network: nn.Module, recipe: Recipe) -> dict[str, bytes]:
    """File name → content. `network` is on the CPU and in evaluation mode.

    Raises NotExportable when torch or ONNX cannot carry it, ExportDiffers when what was exported answers otherwise.
    """
    samples = _samples(network, recipe)
    exported = _tried("torch.export", lambda: program.export(network, recipe))
    onnx = _tried("ONNX", lambda: onnx_program.to_onnx(exported))
    require_equal(FILES["torch"], torch_answers(exported), samples)
    require_equal(FILES["onnx"], onnx_answers(onnx), samples)
    return {
        FILES["torch"]: exported,
        FILES["onnx"]: onnx,
        WEIGHTS: weights(network),
        SAMPLES: _packed(samples),
        "labels.json": _json(list(recipe.classes)),
        "preprocessing.json": _json(_preprocessing(recipe)),
    }


def weights(network: nn.Module) -> bytes:
    """Parameters and buffers by name, as safetensors: plain numbers, nothing to execute."""
    return bytes_of({name: tensor.contiguous() for name, tensor in network.state_dict().items()})


def _samples(network: nn.Module, recipe: Recipe) -> Samples:
    """Noise, coarse and fine, in several sizes; no image of the data leaves with the model."""
    numbers = np.random.default_rng(_SEED)
    prepare, standardize = Prepare.of(recipe), Standardize.of(recipe)
    batches = []
    for count, channels, height, width in (*_SHAPES, (4, 3, recipe.image_size, recipe.image_size)):
        coarse = numbers.integers(0, 200, (count, channels, 4, 4)).repeat(-(-height // 4), 2).repeat(-(-width // 4), 3)
        fine = numbers.integers(0, 56, (count, channels, height, width))
        images = (coarse[:, :, :height, :width] + fine).astype(np.uint8)
        with torch.inference_mode():
            said = probabilities(network(standardize(prepare(torch.from_numpy(images)))))
        batches.append((images, said.numpy()))
    return batches


def _packed(samples: Samples) -> bytes:
    named: dict[str, torch.Tensor] = {}
    for index, (images, said) in enumerate(samples):
        named |= {f"images.{index}": torch.from_numpy(images), f"probabilities.{index}": torch.from_numpy(said)}
    return bytes_of(named)


def _preprocessing(recipe: Recipe) -> Mapping[str, Any]:
    """How an image becomes what the network's first layer reads; both programs do all but the decoding themselves."""
    kept = ("decode", "channels", "image_size", "steps", "mean", "std")
    return {"input": "uint8 N×C×H×W, C 1 (grey) or 3 (RGB), any size", **recipe.model_dump(mode="json", include=set(kept))}


def _tried(form: str, make: Callable[[], bytes]) -> bytes:
    try:
        return make()
    except Exception as error:  # exporters raise whatever they like; each means the same here
        why = " ".join(str(error).split()) or type(error).__name__
        remedy = "write the family with operations that torch.export and ONNX know: docs/adding-a-family.md"
        raise NotExportable(f"{form} of this family", why=why, remedy=remedy) from error


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
