"""Preprocess: every image as a uint8 square, packed a split, with the recipe that made it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, cast

import pandas as pd

from pipeline import artifacts, layout
from pipeline.data.augmentation.copies import copy
from pipeline.data.augmentation.settings import AugmentParams
from pipeline.data.catalog.table import SPLITS, read_images
from pipeline.data.images.decoding import Decoding
from pipeline.data.preparation import packed as packing
from pipeline.data.preparation.disk_room import require_disk_room
from pipeline.data.preparation.exportable import require_exportable
from pipeline.data.preparation.pack import choose_channels, choose_size, pack
from pipeline.data.preparation.packed import Packed
from pipeline.data.preparation.prepare import Prepare
from pipeline.data.preparation.recipe import PreprocessParams, Recipe
from pipeline.data.preparation.shards import Shard, Shards
from pipeline.data.preparation.statistics import Tally, channel_statistics, class_weights
from pipeline.data.preparation.steps import require_room
from pipeline.data.sources import open_source
from pipeline.data.sources.downloads import Downloads
from pipeline.data.sources.source import Kind, Source
from pipeline.data.split.table import read_splits
from pipeline.data.workers import worker_count
from pipeline.errors import StageOutOfDate
from pipeline.report.samples import samples

_COPIES_SEED = 0  # copies depend on the images and the strengths alone
_STATE = Path("state")  # of the project in the working directory


def run(params: PreprocessParams, state: Path = _STATE) -> None:
    """Write data/processed: recipe.json; the packed files of each split; count and digest of test; the sheet of samples.

    state: where ingest keeps files that it fetched or unpacked. Raises StepNotExportable, or DiskFull, before an image is read.
    """
    summary = artifacts.read_json(layout.CATALOG / "summary.json")
    rows = _rows_by_split()
    prepare = Prepare(choose_channels(rows["train"], params), choose_size(rows["train"], params), params.steps)
    require_room(params.steps, prepare.image_size)
    require_exportable(prepare)
    count = sum(len(rows[name]) for name in SPLITS) + len(rows["train"]) * params.augment.copies
    if warning := require_disk_room(layout.PROCESSED, count * prepare.channels * prepare.image_size**2):
        print(f"preprocess: {warning}")
    shards = {name: _shards(rows[name], summary, prepare, params, state) for name in SPLITS}
    tally = Tally(prepare.channels, len(summary["classes"]))
    shards["train"] = _with_copies(tally.counting(shards["train"]), params.augment, summary["kind"])
    copies = {"train": params.augment.copies}
    digests = {name: _write(layout.PROCESSED / name, shards[name], copies.get(name, 0)) for name in SPLITS}
    counts = {name: len(rows[name]) * (1 + copies.get(name, 0)) for name in SPLITS}
    mean, std = channel_statistics(tally.levels)
    recipe = Recipe(
        source=summary["name"],
        kind=summary["kind"],
        classes=tuple(summary["classes"]),
        decode=Decoding.model_validate(summary["decode"]),
        channels=cast(Literal[1, 3], prepare.channels),
        image_size=prepare.image_size,
        steps=params.steps,
        mean=mean,
        std=std,
        class_weights=class_weights(tally.images) if params.class_weights == "balanced" else None,
        counts={name: counts[name] for name in ("train", "val")},
        digests={name: digests[name] for name in ("train", "val")},
    )
    artifacts.write_bytes(layout.PROCESSED / "recipe.json", recipe.to_bytes())
    artifacts.write_json(layout.TEST_SEAL, {"count": counts["test"], "digest": digests["test"]})
    source = _source(summary, state)
    picture = samples(rows["train"], source, prepare, recipe.classes, params.augment, recipe.kind)
    artifacts.write_bytes(layout.SAMPLES, picture)
    print(f"preprocess: {'×'.join(map(str, recipe.shape))} pixels, {', '.join(f'{counts[name]} {name}' for name in SPLITS)}")


def _rows_by_split() -> dict[str, pd.DataFrame]:
    """Split → catalog rows with their `fold`; raises StageOutOfDate when the splits were made from another catalog."""
    images = read_images(artifacts.read_bytes(layout.CATALOG / "catalog.parquet"))
    splits = read_splits(artifacts.read_bytes(layout.SPLITS / "splits.parquet")).set_index("digest")
    if set(images["digest"]) != set(splits.index):
        why = "catalog and splits do not hold the same images"
        raise StageOutOfDate(str(layout.SPLITS), why=why, remedy="run `dvc repro`, which splits again")
    side = images["digest"].map(splits["split"])
    if "fold" in splits:
        images["fold"] = images["digest"].map(splits["fold"])
    return {name: images[side == name] for name in SPLITS}


def _shards(
    rows: pd.DataFrame, summary: dict[str, Any], prepare: Prepare, params: PreprocessParams, state: Path
) -> Iterator[Packed]:
    rows_a_shard = max(1, params.shard_megabytes * 2**20 // (prepare.channels * prepare.image_size**2))
    return pack(rows, _source(summary, state), prepare, summary["classes"], rows_a_shard, worker_count(params.workers))


def _source(summary: dict[str, Any], state: Path) -> Callable[[], Source]:
    """Opens the source as ingest did; files that it needed lie in `state`."""
    decoding, downloads = Decoding.model_validate(summary["decode"]), Downloads(state / "downloads", fetch=False)
    return partial(open_source, summary["source"], summary["path"], decoding, downloads)


def _with_copies(shards: Iterator[Packed], augment: AugmentParams, kind: Kind) -> Iterator[Packed]:
    """The shards and, when all of them are on disk, their copies; where a shard was written it is read again."""
    written: list[tuple[Shard, Packed]] = []
    for number, shard in enumerate(shards):
        yield shard
        file = Shard(layout.PROCESSED / "train" / packing.shard_name(number), shard.images.shape)
        written.append((file, replace(shard, images=Shards([file]))))
    for number in range(1, augment.copies + 1):
        for file, shard in written:
            images = copy(Shards([file])[:], shard.digests, augment, kind, number, _COPIES_SEED)
            yield replace(shard, images=images)


def _write(folder: Path, shards: Iterator[Packed], copies: int) -> str:
    """The digest of the split that is now in `folder`, alone."""
    names: list[str] = []
    content = b""
    for name, content in packing.to_files(shards, copies):
        artifacts.write_bytes(folder / name, content)
        names.append(name)
    artifacts.keep_only(folder, names)
    return packing.digest({names[-1]: content})
