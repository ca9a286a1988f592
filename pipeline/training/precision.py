"""Where the arithmetic of a training step is faster in bfloat16; weights, sums and measurements stay float32 everywhere."""

from __future__ import annotations

import torch

# What a processor may have for products of bfloat16, and from how many multiply-adds of an image's way forward it is faster with
# it. Matrix units (AMX): 1.2 to 2 ×, smaller networks lose more by converting than they win (0.8 ×). Vectors (AVX-512 BF16): 1.1
# to 2.1 ×, smaller networks the same.
_MULTIPLY_ADDS = {"amx_bf16": 2_000_000, "avx512_bf16": 500_000}


def bfloat16_pays(device: torch.device, multiply_adds: int) -> bool:
    """On a GPU always; on a processor with instructions for it, for networks of so many multiply-adds an image.

    Without such instructions a processor emulates it at a tenth of the speed.
    """
    if device.type != "cpu":
        return True
    can = torch.cpu.get_capabilities()
    enough = next((least for name, least in _MULTIPLY_ADDS.items() if can.get(name, False)), None)
    return enough is not None and multiply_adds >= enough
