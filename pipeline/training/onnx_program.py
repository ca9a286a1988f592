"""The exported program as ONNX: the same pixels in, the same probabilities out, for engines that know nothing of torch."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from pipeline.training import exact_resize

INPUT, OUTPUT = "images", "probabilities"


def to_onnx(program: bytes) -> bytes:
    """An ONNX model of the archive that `program.export` wrote; uint8 N×C×H×W (C 1 or 3, any N, H, W) → float32 N×n.

    Raises whatever torch.onnx raises when an operation has no counterpart; the same program gives the same bytes.
    """
    with _quiet():
        exported = torch.export.load(io.BytesIO(program)).run_decompositions(_in_plain_arithmetic())
        converted = torch.onnx.export(exported, (), dynamo=True, verbose=False, input_names=[INPUT], output_names=[OUTPUT])
    assert converted is not None
    model = converted.model_proto
    for part in (model, model.graph, *model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output):
        del part.metadata_props[:]  # where in which file a node comes from
        part.doc_string = ""
    return bytes(model.SerializeToString(deterministic=True))


def _in_plain_arithmetic() -> dict[Any, Callable[..., Any]]:
    """What ONNX has no operation for, or one that computes otherwise."""
    aten = torch.ops.aten
    return {
        aten._upsample_bilinear2d_aa.vec: exact_resize.resize,
        aten.median.dim: _median,
        aten.floor_divide.default: _floor_divide,
    }


def _median(values: torch.Tensor, dim: int, keepdim: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """The lower of two middle ones, as torch has it."""
    ordered, places = torch.sort(values.to(torch.int32), dim)
    middle = (values.shape[dim] - 1) // 2
    found, at = ordered.select(dim, middle).to(values.dtype), places.select(dim, middle)
    return (found.unsqueeze(dim), at.unsqueeze(dim)) if keepdim else (found, at)


def _floor_divide(dividend: torch.Tensor | int, divisor: torch.Tensor | int) -> torch.Tensor:
    """Of whole numbers below 2^53."""
    above, below = _float64(dividend), _float64(divisor)
    kind = next(number.dtype for number in (dividend, divisor) if isinstance(number, torch.Tensor))
    return torch.floor(above / below).to(kind)


def _float64(number: torch.Tensor | int) -> torch.Tensor:
    if isinstance(number, torch.Tensor):
        return number.to(torch.float64)
    return torch.scalar_tensor(number, dtype=torch.float64)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what torch.onnx says of itself: that torchvision is missing, that parts of torch are deprecated."""
    log = logging.getLogger("torch.onnx")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(before)
