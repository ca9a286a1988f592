"""From a source to one packed array a split: each image decoded again, its digest checked, prepared in batches of one shape."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from pipeline.data.images.decode import pixel_digest
from pipeline.data.preparation.packed import Packed
from pipeline.data.preparation.prepare import Prepare
from pipeline.data.preparation.recipe import LARGEST_AUTO_SIZE, PreprocessParams
from pipeline.data.sources.source import Source
from pipeline.errors import ImageRefused, StageOutOfDate

_BATCH_PIXELS = 250_000  # height × width × images prepared at a time; more is slower, the arrays leave the processor's cache


def choose_size(train: pd.DataFrame, params: PreprocessParams) -> int:
    """The side in pixels: as asked for, or the median short side of the train images, at most LARGEST_AUTO_SIZE."""
    if params.image_size != "auto":
        return params.image_size
    return min(LARGEST_AUTO_SIZE, int(train[["width", "height"]].min(axis=1).median()))


def choose_channels(train: pd.DataFrame, params: PreprocessParams) -> int:
    """1 or 3: as asked for, or 1 when every train image is grey."""
    return {"grey": 1, "rgb": 3, "auto": int(train["channels"].max())}[params.color]


def pack(rows: pd.DataFrame, source: Source, prepare: Prepare, classes: Sequence[str]) -> Packed:
    """The images of some catalog rows, in their order; raises StageOutOfDate when one is not what ingest saw."""
    images = np.empty((len(rows), prepare.channels, prepare.image_size, prepare.image_size), np.uint8)
    with _one_thread():
        for positions in _same_shape(rows):
            images[positions] = _prepared(rows.iloc[positions], source, prepare)
    number = {name: label for label, name in enumerate(classes)}
    labels = np.array([number[name] for name in rows["label"]], np.int64)
    return Packed(images, labels, rows["digest"].tolist())


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Batches this small are faster on one thread, by far when others work on the machine: threads wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _same_shape(rows: pd.DataFrame) -> Iterator[npt.NDArray[np.int64]]:
    """Positions of rows whose images have one shape, few enough for one batch."""
    for _, group in rows.reset_index(drop=True).groupby(["height", "width", "channels"]):
        positions = group.index.to_numpy(np.int64)
        batch = max(1, _BATCH_PIXELS // int(group["height"].iloc[0] * group["width"].iloc[0]))
        yield from (positions[start : start + batch] for start in range(0, len(positions), batch))


def _prepared(rows: pd.DataFrame, source: Source, prepare: Prepare) -> npt.NDArray[np.uint8]:
    pixels = np.stack([_read(source, path, digest) for path, digest in zip(rows["path"], rows["digest"], strict=True)])
    with torch.inference_mode():
        prepared: npt.NDArray[np.uint8] = prepare(torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()).numpy()
    return prepared


def _read(source: Source, path: str, digest: str) -> npt.NDArray[np.uint8]:
    try:
        pixels = source.read(path).pixels
    except ImageRefused as refusal:
        raise StageOutOfDate(path, why=f"readable at ingest, now {refusal.what}", remedy="run `dvc repro`") from None
    if pixel_digest(pixels) != digest:
        raise StageOutOfDate(path, why="its pixels changed after ingest", remedy="run `dvc repro`")
    return pixels
