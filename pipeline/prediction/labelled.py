"""Labelled images as a model is given them: of a folder with one folder a class, or of the sealed test split of a project."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline import artifacts, layout
from pipeline.data.catalog.table import read_images
from pipeline.data.images.decode import DecodedImage
from pipeline.data.images.decoding import Decoding
from pipeline.data.images.digest import pixel_digest
from pipeline.data.progress import shown
from pipeline.data.sources import open_source
from pipeline.data.sources.downloads import Downloads
from pipeline.data.split.table import read_splits
from pipeline.errors import StageOutOfDate
from pipeline.training.engines import Images


@dataclass(frozen=True)
class Labelled:
    """images: uint8 C×H×W and the class, read as they are asked for; what: where they come from, for people."""

    what: str
    images: Iterator[tuple[Images, str]]


def of_folder(folder: Path, decoding: Decoding) -> Labelled:
    """Every image below the class folders, or those of `test` where there is such a folder; raises SourceMissing."""
    source = open_source("folder", str(folder), decoding)
    samples = source.samples()
    taken = [sample for sample in samples if sample.split == "test"] or samples
    return Labelled(str(folder), ((_pixels(source.read(one.path)), one.label) for one in shown(taken, len(taken), "int8")))


def of_test_split(root: Path, decoding: Decoding, state: Path) -> Labelled:
    """The test images of a project, as their files hold them; state: where ingest keeps files that it fetched or unpacked.

    Raises StageOutOfDate for an image that has changed.
    """
    summary = artifacts.read_json(root / layout.CATALOG / "summary.json")
    splits = read_splits(artifacts.read_bytes(root / layout.SPLITS / "splits.parquet"))
    images = read_images(artifacts.read_bytes(root / layout.CATALOG / "catalog.parquet")).drop_duplicates("digest")
    rows = images[images["digest"].isin(splits["digest"][splits["split"] == "test"])]
    path = str(root / summary["path"])  # where it is absolute, root has no say
    source = open_source(summary["source"], path, decoding, Downloads(state / "downloads", fetch=False))

    def read() -> Iterator[tuple[Images, str]]:
        named = zip(*(map(str, rows[column]) for column in ("path", "digest", "label")), strict=True)
        for path, digest, label in shown(named, len(rows), "int8"):
            image = source.read(path)
            if pixel_digest(image.pixels) != digest:
                raise StageOutOfDate(path, why="it is not the image that was split", remedy="run `dvc repro`")
            yield _pixels(image), label

    return Labelled("the sealed test split", read())


def _pixels(image: DecodedImage) -> Images:
    return np.ascontiguousarray(np.moveaxis(image.pixels, 2, 0))
