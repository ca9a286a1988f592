"""How long a network takes for one image, measured on the worker that trains it."""

from __future__ import annotations

import statistics
import time

import torch

from pipeline.training.tensors import Streamed

WARM_UP = 10  # runs before those that count, in which kernels are chosen and memory is found
_RUNS, _FEWEST, _SECONDS = 100, 10, 0.5  # timed: at most, at least, and after which no further one is begun


def latency_ms(network: torch.nn.Module, standardize: torch.nn.Module, images: torch.Tensor | Streamed) -> float:
    """Median milliseconds from a prepared image, uint8 1×C×S×S in main memory, to its scores there, in evaluation mode.

    In float32 on as many threads as torch is set to, or on the GPU with the way there and back. Which numbers the weights are
    makes no difference, so an untrained network tells it.
    """
    device = next(network.parameters()).device
    image = images[:1].cpu()
    network.eval()
    with torch.inference_mode():
        for _ in range(WARM_UP):
            network(standardize(image.to(device))).cpu()
        begun = time.perf_counter()
        taken: list[float] = []
        while len(taken) < _FEWEST or (len(taken) < _RUNS and time.perf_counter() - begun < _SECONDS):
            start = time.perf_counter()
            network(standardize(image.to(device))).cpu()  # which waits for a GPU
            taken.append(1e3 * (time.perf_counter() - start))
    return round(statistics.median(taken), 4)
