"""A worker's part of a GPU: no more memory than is its own, and how much of it a trial took."""

from __future__ import annotations

import torch

from pipeline.search.execution.packing import MEGABYTE, Packing


class GpuFailed(Exception):
    """CUDA refuses, and will refuse this process everything from now on, whatever it trains: it has to end."""


def failed(error: torch.AcceleratorError) -> GpuFailed:
    """What CUDA said, and which GPU it is, as `nvidia-smi -L` lists them."""
    said = str(error).partition("\n")[0]
    return GpuFailed(f"{said} on {_name()}")


def take(device: str, trials_a_gpu: int) -> None:
    """Give back what earlier trials of this process held, and hold no more than the share of one of so many."""
    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        memory = torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory
        torch.cuda.set_per_process_memory_fraction(Packing(trials_a_gpu, memory).cap)


def peak_megabytes(device: str) -> float | None:
    """The most that tensors took since `take`; None where nobody counts, as in main memory."""
    return torch.cuda.max_memory_allocated() / MEGABYTE if device == "cuda" else None


def _name() -> str:
    if not torch.cuda.is_initialized():
        return "a GPU that could not be used at all"
    known = torch.cuda.get_device_properties(torch.cuda.current_device())  # which torch has kept: CUDA is not asked again
    return f"{known.name}, GPU-{known.uuid}"
