"""How long a network takes for one image, measured on the worker that trains it."""

from __future__ import annotations

import torch

from pipeline.timing import median_ms
from pipeline.training.tensors import Streamed


def latency_ms(network: torch.nn.Module, standardize: torch.nn.Module, images: torch.Tensor | Streamed) -> float:
    """Median milliseconds from a prepared image, uint8 1×C×S×S in main memory, to its scores there, in evaluation mode.

    In float32 on as many threads as torch is set to, or on the GPU with the way there and back. Which numbers the weights are
    makes no difference, so an untrained network tells it.
    """
    device = next(network.parameters()).device
    image = images[:1].cpu()
    network.eval()
    with torch.inference_mode():
        return median_ms(lambda: network(standardize(image.to(device))).cpu())  # which waits for a GPU
