"""From a source to packed arrays, shard by shard: images decoded again, digests checked, prepared in batches of one shape."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from pipeline.data.images.digest import pixel_digest
from pipeline.data.preparation.packed import Packed
from pipeline.data.preparation.prepare import Prepare
from pipeline.data.preparation.recipe import LARGEST_AUTO_SIZE, SMALLEST_SIZE, PreprocessParams
from pipeline.data.preparation.shards import Pixels
from pipeline.data.progress import shown
from pipeline.data.sources.source import Source
from pipeline.data.workers import Crashed, mapped
from pipeline.errors import ImageRefused, StageOutOfDate

_BATCH_PIXELS = 250_000  # height × width × images prepared at a time; more is slower, the arrays leave the processor's cache
_IMAGE_OVERHEAD = 6_000  # pixels that cost as much as opening one image
_WORTH_PROCESSES = 800_000_000  # pixels: about 15 seconds of one core; a process that imports torch needs 3 to start


def choose_size(train: pd.DataFrame, params: PreprocessParams) -> int:
    """The side in pixels: as asked for, or the median short side of the train images, at least 2 and at most 64."""
    if params.image_size != "auto":
        return params.image_size
    return min(LARGEST_AUTO_SIZE, max(SMALLEST_SIZE, int(train[["width", "height"]].min(axis=1).median())))


def choose_channels(train: pd.DataFrame, params: PreprocessParams) -> int:
    """1 or 3: as asked for, or 1 when every train image is grey."""
    return {"grey": 1, "rgb": 3, "auto": int(train["channels"].max())}[params.color]


def pack(
    rows: pd.DataFrame,
    open_source: Callable[[], Source],
    prepare: Prepare,
    classes: Sequence[str],
    rows_a_shard: int,
    workers: int = 1,
) -> Iterator[Packed]:
    """The images of some catalog rows, in their order, `rows_a_shard` at a time; the same with any number of workers.

    A column `fold`, where there is one, is kept. `open_source` is sent to the processes; each opens the source itself.
    Raises StageOutOfDate when an image is not what ingest saw.
    """
    rows = rows.reset_index(drop=True)
    few = int((rows["width"].astype("int64") * rows["height"] + _IMAGE_OVERHEAD).sum()) < _WORTH_PROCESSES
    preparer = partial(_Preparer, open_source, prepare)
    results = mapped(_prepared, preparer, _batches(rows, rows_a_shard), 1 if few else workers)
    labels = rows["label"].map({name: label for label, name in enumerate(classes)}).to_numpy().astype(np.int64)
    folds = rows["fold"].fillna(-1).to_numpy().astype(np.int8) if "fold" in rows else None
    pairs = zip(_batches(rows, rows_a_shard), results, strict=True)
    done = shown(pairs, len(rows), "preprocess", count=lambda pair: len(pair[0].samples))
    for start, batches in groupby(done, key=lambda pair: pair[0].shard_start):
        end = min(start + rows_a_shard, len(rows))
        images = np.empty((end - start, prepare.channels, prepare.image_size, prepare.image_size), np.uint8)
        for batch, result in batches:
            images[batch.positions - start] = _unless_crashed(result, batch)
        digests = rows["digest"].iloc[start:end].tolist()
        yield Packed(images, labels[start:end], digests, None if folds is None else folds[start:end])


@dataclass(frozen=True, eq=False)
class _Batch:
    """Images of one shape and one shard: positions in the rows, and (path, digest) of each."""

    shard_start: int
    positions: npt.NDArray[np.int64]
    samples: list[tuple[str, str]]


class _Preparer:
    """What a process needs to prepare batches."""

    def __init__(self, open_source: Callable[[], Source], prepare: Prepare) -> None:
        self.source, self.prepare = open_source(), prepare


def _batches(rows: pd.DataFrame, rows_a_shard: int) -> Iterator[_Batch]:
    for start in range(0, len(rows), rows_a_shard):
        shard = rows.iloc[start : start + rows_a_shard]
        for _, group in shard.groupby(["height", "width", "channels"]):
            size = max(1, _BATCH_PIXELS // int(group["height"].iloc[0] * group["width"].iloc[0]))
            for first in range(0, len(group), size):
                batch = group.iloc[first : first + size]
                samples = list(zip(batch["path"], batch["digest"], strict=True))
                yield _Batch(start, batch.index.to_numpy(np.int64), samples)


def _prepared(preparer: _Preparer, batch: _Batch) -> Pixels:
    pixels = np.stack([_read(preparer.source, path, digest) for path, digest in batch.samples])
    with torch.inference_mode(), _one_thread():
        prepared: Pixels = preparer.prepare(torch.from_numpy(pixels).permute(0, 3, 1, 2)).numpy()
    return prepared


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Batches this small are faster on one thread, by far when others work on the machine: threads wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _unless_crashed(result: Pixels | Crashed, batch: _Batch) -> Pixels:
    if isinstance(result, Crashed):
        why = f"readable at ingest, now the process that reads it ends: {result.reason}"
        raise StageOutOfDate(batch.samples[0][0], why=why, remedy="run `dvc repro`")
    return result


def _read(source: Source, path: str, digest: str) -> Pixels:
    try:
        pixels = source.read(path).pixels
    except ImageRefused as refusal:
        raise StageOutOfDate(path, why=f"readable at ingest, now {refusal.what}", remedy="run `dvc repro`") from None
    if pixel_digest(pixels) != digest:
        raise StageOutOfDate(path, why="its pixels changed after ingest", remedy="run `dvc repro`")
    return pixels
