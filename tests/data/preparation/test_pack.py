from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from pipeline.data.catalog.build import build
from pipeline.data.preparation import pack as packing
from pipeline.data.preparation.pack import choose_channels, choose_size, pack
from pipeline.data.preparation.packed import Packed, join
from pipeline.data.preparation.prepare import Prepare
from pipeline.data.preparation.recipe import PreprocessParams
from pipeline.data.preparation.steps import Denoise, Resize
from pipeline.data.sources import open_source
from pipeline.errors import StageOutOfDate
from tests.folders import picture, save, write_folder

PREPARE = Prepare(3, 5, [Resize(fit="pad"), Denoise(filter="median")])
CLASSES = ["cat", "dog"]


@pytest.fixture
def mixed(tmp_path: Path) -> partial[Any]:
    """Opens a folder of pictures of five shapes, grey and colour."""
    write_folder(tmp_path, {"cat": 3, "dog": 3})
    for number, shape in enumerate([(4, 9, 3), (4, 9, 1), (30, 2, 1), (5, 5, 3)]):
        save(tmp_path / f"dog/other{number}.png", picture(str(number), *shape))
    return partial(open_source, "folder", str(tmp_path))


def catalog(reopen: partial[Any]) -> pd.DataFrame:
    return build(reopen()).images


@pytest.mark.parametrize("rows_a_shard", [1, 3, 10, 100])
def test_each_row_is_its_image_prepared_alone(mixed: partial[Any], rows_a_shard: int) -> None:
    rows = catalog(mixed).sample(frac=1, random_state=0)
    shards = list(pack(rows, mixed, PREPARE, CLASSES, rows_a_shard))
    assert [len(shard) for shard in shards] == [min(rows_a_shard, 10 - start) for start in range(0, 10, rows_a_shard)]
    packed = join(shards)
    assert packed.digests == rows["digest"].tolist() and packed.folds is None
    assert packed.labels.tolist() == [CLASSES.index(label) for label in rows["label"]]
    for image, path in zip(packed.images[:], rows["path"], strict=True):
        alone = torch.from_numpy(mixed().read(path).pixels).permute(2, 0, 1)[None]
        assert np.array_equal(image, PREPARE(alone)[0].numpy()), path


def test_folds_are_kept_row_by_row(mixed: partial[Any]) -> None:
    rows = catalog(mixed)
    rows["fold"] = pd.array([0, 1, None, 0, 1, 2, 2, 0, 1, 2], dtype="Int8")
    folds = join(list(pack(rows, mixed, PREPARE, CLASSES, 4))).folds
    assert folds is not None and folds.tolist() == [0, 1, -1, 0, 1, 2, 2, 0, 1, 2]


def test_several_processes_give_the_same_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(110):  # each of its own shape, so each a batch of its own
        save(tmp_path / f"{CLASSES[number % 2]}/{number:03}.png", picture(str(number), 5 + number % 11, 5 + number // 11, 3))
    reopen = partial(open_source, "folder", str(tmp_path))
    rows = catalog(reopen)
    monkeypatch.setattr(packing, "_WORTH_PROCESSES", 0)
    one, two = (list(pack(rows, reopen, PREPARE, CLASSES, 40, workers)) for workers in (1, 2))

    def same(left: Packed, right: Packed) -> bool:
        return np.array_equal(left.images[:], right.images[:]) and left.digests == right.digests

    assert len(one) == len(two) == 3 and all(map(same, one, two))


@pytest.mark.parametrize("change", ["pixels", "removed", "broken"])
def test_an_image_that_changed_after_ingest_is_named(mixed: partial[Any], tmp_path: Path, change: str) -> None:
    rows = catalog(mixed)
    path = tmp_path / "cat/001.png"
    if change == "pixels":
        save(path, picture("something else"))
    elif change == "removed":
        path.unlink()
    else:
        path.write_bytes(b"")
    with pytest.raises(StageOutOfDate, match=r"E702 cat/001\.png"):
        list(pack(rows, mixed, PREPARE, CLASSES, 100))


@pytest.mark.parametrize(
    ("sizes", "asked", "chosen"),
    [
        ([(8, 8)], "auto", 8),
        ([(20, 30), (50, 40), (99, 24)], "auto", 24),
        ([(500, 300)], "auto", 64),
        ([(9, 1)], "auto", 2),
        ([(8, 8)], 12, 12),
    ],
)
def test_the_automatic_size_is_the_median_short_side(sizes: list[tuple[int, int]], asked: str | int, chosen: int) -> None:
    train = pd.DataFrame(sizes, columns=["width", "height"])
    assert choose_size(train, PreprocessParams.model_validate({"image_size": asked})) == chosen


@pytest.mark.parametrize(
    ("channels", "asked", "chosen"),
    [([1, 1], "auto", 1), ([1, 3], "auto", 3), ([1, 1], "rgb", 3), ([3, 3], "grey", 1)],
)
def test_automatic_colour_is_grey_when_all_is_grey(channels: list[int], asked: str, chosen: int) -> None:
    assert choose_channels(pd.DataFrame({"channels": channels}), PreprocessParams.model_validate({"color": asked})) == chosen
