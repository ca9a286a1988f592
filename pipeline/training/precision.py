"""Where the arithmetic of a training step is faster in bfloat16; weights, sums and measurements stay float32 everywhere."""

from __future__ import annotations

import torch

# Forward, an image, on processors. Smaller networks lose more by converting than they win (0.8×), larger ones win 1.2 to 2×.
_MULTIPLY_ADDS = 2_000_000


def bfloat16_pays(device: torch.device, multiply_adds: int) -> bool:
    """On a GPU always; on a processor with matrix units for it (AMX), for networks of so many multiply-adds an image.

    Without such units a processor emulates it at a tenth of the speed.
    """
    if device.type != "cpu":
        return True
    return multiply_adds >= _MULTIPLY_ADDS and bool(torch.cpu.get_capabilities().get("amx_bf16", False))
