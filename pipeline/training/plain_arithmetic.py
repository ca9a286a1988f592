"""torch's operations that other engines have not, or compute otherwise, in words that every engine knows."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.export import ExportedProgram

from pipeline.training import exact_resize


def in_plain_arithmetic(program: bytes) -> ExportedProgram:
    """The archive that `program.export` wrote, with every such operation replaced."""
    with quiet():
        rewritten: ExportedProgram = torch.export.load(io.BytesIO(program)).run_decompositions(_table())
    return rewritten


def _table() -> dict[Any, Callable[..., Any]]:
    """torch's operation → the same in others: what only the CPU has, and what ONNX has not or computes otherwise."""
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
def quiet() -> Iterator[None]:
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
