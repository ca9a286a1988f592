"""What leaves the project with a trained network: each form of it, checked to answer as the network does."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load as tensors_of
from safetensors.torch import save as bytes_of
from torch import nn

from pipeline.data.preparation.prepare import Prepare
from pipeline.data.preparation.recipe import Recipe
from pipeline.data.preparation.standardize import Standardize
from pipeline.errors import ExportDiffers, NotExportable
from pipeline.training import onnx_program, program
from pipeline.training.loss import probabilities

PROGRAM, ONNX, WEIGHTS = "program.pt2", "model.onnx", "weights.safetensors"
SAMPLES = "samples.safetensors"  # images.0, probabilities.0, …: what the network says of them
TOLERANCE = 1e-4  # of a probability, between the network and any form of it
_SHAPES = ((2, 1, 8, 8), (1, 3, 5, 3), (2, 3, 37, 52), (1, 1, 96, 64))  # of samples; the network's own size joins them
_SEED = 0

Batches = list[tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]]


def handout(network: nn.Module, recipe: Recipe) -> dict[str, bytes]:
    """File name → content. `network` is on the CPU and in evaluation mode.

    Raises NotExportable when torch or ONNX cannot carry it, ExportDiffers when what was exported answers otherwise.
    """
    samples = _samples(network, recipe)
    exported = _tried("torch.export", lambda: program.export(network, recipe))
    onnx = _tried("ONNX", lambda: onnx_program.to_onnx(exported))
    require_equal(PROGRAM, torch_answers(exported), samples)
    require_equal(ONNX, onnx_answers(onnx), samples)
    return {
        PROGRAM: exported,
        ONNX: onnx,
        WEIGHTS: weights(network),
        SAMPLES: _packed(samples),
        "labels.json": _json(list(recipe.classes)),
        "preprocessing.json": _json(_preprocessing(recipe)),
    }


def weights(network: nn.Module) -> bytes:
    """Parameters and buffers by name, as safetensors: plain numbers, nothing to execute."""
    return bytes_of({name: tensor.contiguous() for name, tensor in network.state_dict().items()})


def torch_answers(exported: bytes) -> Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]:
    """The exported program on arrays."""
    run = program.load(exported)

    def answer(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        with torch.inference_mode():
            return run(torch.from_numpy(images)).numpy()

    return answer


def onnx_answers(model: bytes) -> Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]:
    """The ONNX model on arrays, on one processor core as a trial has it."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda images: session.run([onnx_program.OUTPUT], {onnx_program.INPUT: images})[0]


def read_samples(content: bytes) -> Batches:
    """What handout wrote as SAMPLES."""
    tensors = {name: tensor.numpy() for name, tensor in tensors_of(content).items()}
    return [(tensors[f"images.{index}"], tensors[f"probabilities.{index}"]) for index in range(len(tensors) // 2)]


def require_equal(
    form: str, answer: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]], samples: Batches, where: str = ""
) -> None:
    """Raises ExportDiffers unless `answer` gives the stored probabilities, to TOLERANCE, and the same class."""
    for images, expected in samples:
        found = answer(images)
        differs = float(np.abs(found - expected).max()) if found.shape == expected.shape else float("inf")
        if not differs <= TOLERANCE:  # also of NaN
            why = f"of images {'×'.join(map(str, images.shape))} it differs by {differs:.1e} from the trained network"
            raise ExportDiffers(form, where=where, why=why, remedy="use the torch and onnxruntime of requirements.lock")


def _samples(network: nn.Module, recipe: Recipe) -> Batches:
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


def _packed(samples: Batches) -> bytes:
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
