"""All that a training needs to go on after its last epoch, as bytes that execute nothing when they are read."""

from __future__ import annotations

import io
from dataclasses import asdict, dataclass
from typing import Any

import torch

from pipeline.training.metrics import EpochMetrics


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """State after the last epoch of `history`; the learning rate, order and noise of an epoch follow from its number."""

    network: dict[str, torch.Tensor]
    average: dict[str, torch.Tensor] | None  # of the weights, where there is one
    optimizer: dict[str, Any]
    history: tuple[EpochMetrics, ...]
    images_at_a_time: int | None  # None: whole batches

    def to_bytes(self) -> bytes:
        """The tensors and numbers, as torch.save writes them."""
        stream = io.BytesIO()
        history = [asdict(metrics) for metrics in self.history]
        torch.save({**vars(self), "history": history}, stream)
        return stream.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes, device: torch.device) -> Checkpoint:
        """What to_bytes wrote, on `device`; only tensors, numbers and plain containers are accepted."""
        state = torch.load(io.BytesIO(content), map_location=device, weights_only=True)
        history = tuple(EpochMetrics(**metrics) for metrics in state["history"])
        return cls(state["network"], state["average"], state["optimizer"], history, state["images_at_a_time"])
