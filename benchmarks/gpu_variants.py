"""A training step in several ways: float32 or bfloat16, channels first or last, eager, compiled, or replayed as a CUDA graph."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, cast

import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True)
class Variant:
    """One way to compute a step."""

    bfloat16: bool = False
    channels_last: bool = False
    how: Literal["eager", "compile", "graphs"] = "eager"

    def __str__(self) -> str:
        return f"{self.how}, {'bfloat16' if self.bfloat16 else 'float32'}, channels {'last' if self.channels_last else 'first'}"


VARIANTS = (
    Variant(),
    Variant(channels_last=True),
    Variant(bfloat16=True),
    Variant(bfloat16=True, channels_last=True),
    Variant(bfloat16=True, channels_last=True, how="compile"),
    Variant(bfloat16=True, channels_last=True, how="graphs"),
)


@dataclass(frozen=True)
class Found:
    """Seconds before steps are fast, and seconds of a step from then on."""

    to_prepare: float
    step: float


def measure(
    variant: Variant, build: Callable[[], nn.Module], images: torch.Tensor, labels: torch.Tensor, batch_size: int, seconds: float
) -> Found:
    """Steps on batches of uint8 `images`, which lie on the device, for about so many seconds."""
    device = images.device
    network = build().to(device)
    network = network.to(memory_format=torch.channels_last) if variant.channels_last else network  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(network.parameters(), fused=True)
    rows = torch.arange(batch_size, device=device)

    def batch(number: int) -> tuple[torch.Tensor, torch.Tensor]:
        chosen = (rows + number * batch_size) % len(labels)
        values = (images[chosen].float() / 255 - 0.5) / 0.25
        return (values.contiguous(memory_format=torch.channels_last) if variant.channels_last else values), labels[chosen]

    def autocast() -> torch.autocast:
        return torch.autocast(device.type, torch.bfloat16, enabled=variant.bfloat16, cache_enabled=variant.how != "graphs")

    begun = _now(device)
    run: Callable[[torch.Tensor], torch.Tensor] = network
    if variant.how == "compile":
        run = torch.compile(network)
    elif variant.how == "graphs":
        with autocast():
            run = cast(nn.Module, torch.cuda.make_graphed_callables(network, (batch(0)[0],)))

    def step(number: int) -> None:
        values, wanted = batch(number)
        optimizer.zero_grad(set_to_none=variant.how != "graphs")
        with autocast():
            logits = run(values)
        loss = F.cross_entropy(logits.float(), wanted)
        loss.backward()
        optimizer.step()

    for number in range(3):
        step(number)
    to_prepare = _now(device) - begun
    begun, steps = _now(device), 0
    while time.perf_counter() - begun < seconds:
        for _ in range(10):
            step(steps)
            steps += 1
        _now(device)
    return Found(to_prepare, (_now(device) - begun) / steps)


def _now(device: torch.device) -> float:
    """Seconds, when all that was asked of the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()
