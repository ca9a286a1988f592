"""Catalogs made without files, from a line an image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.data.catalog.table import Catalog, frame_of_images, frame_of_rejects
from pipeline.data.duplicates.fingerprint import THUMBNAIL


def catalog_of(
    images: Sequence[tuple[str, str]], classes: Sequence[str] | None = None, rejects: Sequence[tuple[str, str, str]] = ()
) -> Catalog:
    """(label, digest) of each image; paths are numbers, and the thumbnail of image n is n everywhere."""
    rows = [
        (f"{number:04}.png", label, None, None, digest, "0" * 16, 100, 8, 6, 3, "RGB", "")
        for number, (label, digest) in enumerate(images)
    ]
    thumbnails = np.empty((len(rows), THUMBNAIL, THUMBNAIL, 3), np.uint8)
    thumbnails[:] = np.arange(len(rows))[:, None, None, None] % 256
    known = sorted({label for label, _ in images}) if classes is None else list(classes)
    return Catalog(frame_of_images(rows), thumbnails, frame_of_rejects(rejects), known)


def of_counts(counts: dict[str, int]) -> Catalog:
    """So many distinct images of each class."""
    return catalog_of(
        [(label, f"{label}/{number}") for label, count in counts.items() for number in range(count)], sorted(counts)
    )
