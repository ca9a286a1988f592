"""The trained network as one program that needs torch alone: image pixels in, probabilities out."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable

import safetensors.torch
import torch
from torch import nn
from torch.export import ExportedProgram

from pipeline.data.preparation.prepare import Prepare, input_dims
from pipeline.data.preparation.recipe import Recipe
from pipeline.data.preparation.standardize import Standardize
from pipeline.models.blocks import build
from pipeline.training.hyperparameters import Hyperparameters
from pipeline.training.loss import probabilities

Program = Callable[[torch.Tensor], torch.Tensor]


def export(network: nn.Module, recipe: Recipe) -> bytes:
    """A `torch.export` archive of uint8 N×C×H×W (C 1 or 3, any N, H, W) → float32 N×n, rows that sum to 1.

    `torch.export.load(path).module()` runs it anywhere torch is, on the CPU; weights lie in it as plain bytes, without pickle.
    The same network and recipe give the same program wherever it is exported.
    """
    plain = copy.deepcopy(network).to("cpu", memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    pixels = _Pixels(plain, recipe).eval()
    example = torch.zeros(2, 3, recipe.image_size + 5, recipe.image_size + 12, dtype=torch.uint8)
    with torch.no_grad():
        exported = torch.export.export(pixels, (example,), dynamic_shapes=(input_dims(),))
    return _archive(exported)


def of_packed(hyperparameters: Hyperparameters, recipe: Recipe, weights: bytes) -> Program:
    """The same network for images that are prepared already, as data/processed holds them; `weights` as safetensors.

    The exported program would prepare them a second time, which is not the same for every recipe (denoising twice).
    """
    network, standardize = network_of(hyperparameters, recipe, weights), Standardize.of(recipe)
    return lambda images: probabilities(network(standardize(images)))


def network_of(hyperparameters: Hyperparameters, recipe: Recipe, weights: bytes) -> nn.Module:
    """The trained network alone, in evaluation mode: standardized N×C×S×S → logits; `weights` as safetensors."""
    network = build(hyperparameters.layers(len(recipe.classes)), recipe.shape)
    network.load_state_dict(safetensors.torch.load(weights))
    return network.eval()


def load(content: bytes) -> Program:
    """The program that `export` wrote, as a function; nothing in it is unpickled."""
    module: Program = torch.export.load(io.BytesIO(content)).module()
    return module


def on_device(content: bytes, device: str) -> Program:
    """The same program on a GPU, which has no resize of uint8 and computes that of the CPU in other words: the same pixels."""
    from torch.export.passes import move_to_device_pass

    from pipeline.training.plain_arithmetic import in_plain_arithmetic

    module: Program = move_to_device_pass(in_plain_arithmetic(content), device).module()
    return module


class _Pixels(nn.Module):
    def __init__(self, network: nn.Module, recipe: Recipe) -> None:
        super().__init__()
        self.prepare, self.standardize, self.network = Prepare.of(recipe), Standardize.of(recipe), network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return probabilities(self.network(self.standardize(self.prepare(images))))


def _archive(exported: ExportedProgram) -> bytes:
    exported.example_inputs = None  # torch would pickle them into the archive
    for node in exported.graph.nodes:
        for trace in ("stack_trace", "nn_module_stack", "source_fn_stack", "torch_fn"):
            node.meta.pop(trace, None)  # paths of this machine
    stream = io.BytesIO()
    torch.export.save(exported, stream)
    return stream.getvalue()
