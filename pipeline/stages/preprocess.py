"""Preprocess: every image as a uint8 square, one packed array a split, with the recipe that made it."""

from __future__ import annotations

from typing import Literal, cast

import pandas as pd

from pipeline import artifacts, layout
from pipeline.data.augmentation.augment import copies
from pipeline.data.catalog.table import SPLITS, read_images
from pipeline.data.preparation import packed as packing
from pipeline.data.preparation.pack import choose_channels, choose_size, pack
from pipeline.data.preparation.packed import Packed, join
from pipeline.data.preparation.prepare import Prepare
from pipeline.data.preparation.recipe import AugmentParams, PreprocessParams, Recipe
from pipeline.data.preparation.statistics import channel_statistics
from pipeline.data.sources import open_source
from pipeline.data.split.assign import read_splits
from pipeline.errors import StageOutOfDate

_COPIES_SEED = 0  # copies depend on the images and the strengths alone


def run(params: PreprocessParams) -> None:
    """Write data/processed: recipe.json; images.npy, labels.npy and index.csv of train, val and test; test's digest."""
    summary = artifacts.read_json(layout.CATALOG / "summary.json")
    rows = _rows_by_split()
    prepare = Prepare(choose_channels(rows["train"], params), choose_size(rows["train"], params), params.fit, params.denoise)
    source = open_source(summary["source"], summary["path"])
    packed = {name: pack(rows[name], source, prepare, summary["classes"]) for name in SPLITS}
    mean, std = channel_statistics(packed["train"].images)
    packed["train"] = _with_copies(packed["train"], params.augment)
    digests = {name: _write(name, packed[name], params.augment.copies if name == "train" else 0) for name in SPLITS}
    sealed = digests.pop("test")
    recipe = Recipe(
        source=summary["name"],
        classes=tuple(summary["classes"]),
        channels=cast(Literal[1, 3], prepare.channels),
        image_size=prepare.image_size,
        fit=params.fit,
        denoise=params.denoise,
        mean=mean,
        std=std,
        counts={name: len(packed[name]) for name in digests},
        digests=digests,
    )
    artifacts.write_bytes(layout.PROCESSED / "recipe.json", recipe.to_bytes())
    artifacts.write_json(layout.TEST_SEAL, {"count": len(packed["test"]), "digest": sealed})
    counts = ", ".join(f"{len(packed[name])} {name}" for name in SPLITS)
    print(f"preprocess: {'×'.join(map(str, recipe.shape))} pixels, {counts}")


def _rows_by_split() -> dict[str, pd.DataFrame]:
    """Split → catalog rows; raises StageOutOfDate when the splits were made from another catalog."""
    images = read_images(artifacts.read_bytes(layout.CATALOG / "catalog.parquet"))
    splits = read_splits(artifacts.read_bytes(layout.SPLITS / "splits.parquet"))
    if set(images["digest"]) != set(splits["digest"]):
        why = "catalog and splits do not hold the same images"
        raise StageOutOfDate(str(layout.SPLITS), why=why, remedy="run `dvc repro`, which splits again")
    side = images["digest"].map(splits.set_index("digest")["split"])
    return {name: images[side == name] for name in SPLITS}


def _with_copies(train: Packed, augment: AugmentParams) -> Packed:
    added = copies(train, augment, augment.copies, _COPIES_SEED)
    return join([train, *added]) if added else train


def _write(name: str, packed: Packed, copies: int) -> str:
    """The digest of the files of one split."""
    files = packing.to_files(packed, copies)
    for file, content in files.items():
        artifacts.write_bytes(layout.PROCESSED / name / file, content)
    return packing.digest(files)
