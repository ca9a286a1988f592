"""A worker's part of a GPU: no more memory than is its own, and how much of it a trial took."""

from __future__ import annotations

import torch

from pipeline.search.execution.packing import MEGABYTE, Packing


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
