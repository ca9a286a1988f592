"""Small disks, to be full."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, mebibytes: int) -> Iterator[None]:
    """A new folder that is a disk of its own."""
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("a small disk is mounted, which only root does")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
