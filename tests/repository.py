"""Where this repository is, and how a program that a test starts finds its code."""

from __future__ import annotations

import os
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]


def environment(**more: str) -> dict[str, str]:
    """Ours and `more`, in which `pipeline` and `tests` can be imported whatever folder the program runs in."""
    return {**os.environ, "PYTHONPATH": str(REPOSITORY), **more}
