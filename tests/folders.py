"""Small real image folders, the same at every call."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image


def picture(name: str, height: int = 6, width: int = 8, channels: int = 3) -> np.ndarray:
    """uint8 height × width × channels of noise that depends on `name` alone."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    return rng.integers(0, 256, (height, width, channels), dtype=np.uint8)


def save(path: Path, pixels: np.ndarray) -> None:
    """Write `pixels` losslessly (PNG)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(path)


def write_folder(root: Path, counts: Mapping[str, int], channels: int = 3) -> Path:
    """One PNG a number below root/<key>/, for keys such as `cat` or `train/cat`; all pictures differ."""
    for folder, count in counts.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            save(root / folder / f"{number:03}.png", picture(f"{folder}/{number}", channels=channels))
    return root
