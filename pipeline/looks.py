"""Which models were measured on which test images here, whether or not they ever reach the registry.

Each model that is measured on the test images makes the best of all look better than it is, so each such look is written down
before its result is. The file lies in state/, which no DVC output is and which every experiment shares.
"""

from __future__ import annotations

from pathlib import Path

from pipeline import artifacts

_FILE = "test_looks.txt"  # a line a look: digest of the images (see paired.images_digest), digest of the model


def note(state: Path, images: str, model: str) -> None:
    """Write it down, once."""
    if model not in models(state, images):
        artifacts.append_line(state / _FILE, f"{images} {model}")


def models(state: Path, images: str) -> frozenset[str]:
    """The digests of all models that were measured on these images; a line that a power cut tore stands for one of them."""
    file = state / _FILE
    lines = artifacts.read_bytes(file).decode().splitlines() if file.exists() else []
    looked = (line.split(" ") for line in lines if " " in line)
    return frozenset(model for seen, model in looked if seen == images)
