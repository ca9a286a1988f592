"""Random generators whose numbers depend on what they are for, and on nothing that ran before."""

from __future__ import annotations

import hashlib

import torch


def generator(*parts: int | str, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator seeded by `parts` alone, for instance ("order", seed, epoch)."""
    seed = hashlib.sha256("/".join(str(part) for part in parts).encode()).digest()[:8]
    return torch.Generator(device).manual_seed(int.from_bytes(seed) >> 1)
