"""Whether the disk holds what preprocess is about to write: said before the first image is read, not hours later."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pipeline.errors import DiskFull
from pipeline.mounts import disk


def require_disk_room(folder: Path, wanted: int, environment: Mapping[str, str] = os.environ) -> str:
    """Raises DiskFull when `wanted` bytes of packed images find no room in `folder`, where each file replaces one of its name.

    DVC copies what a stage wrote into its cache, unless that is elsewhere or it is told to link: a warning where DVC runs the
    stage and a copy would find no room, else "".
    """
    free, _ = disk(folder)
    there = [file.stat().st_size for file in folder.rglob("*") if file.is_file()]
    room = free + sum(there) - max(there, default=0)  # a file goes when its successor is whole
    if wanted > room:
        why = f"{_megabytes(wanted)} of packed images are to be written, and there is room for {_megabytes(room)}"
        raise DiskFull(str(folder), why=why, remedy="free space, or set preprocess.image_size or augment.copies lower")
    if "DVC_STAGE" in environment and 2 * wanted > room:
        left = f"{_megabytes(room - wanted)} are left beside {_megabytes(wanted)} of packed images"
        return f"{left}: DVC's cache needs as much again where it copies; to let it link: dvc config cache.type hardlink,symlink"
    return ""


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB"
