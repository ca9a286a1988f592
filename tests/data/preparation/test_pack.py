from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from pipeline.data.catalog.table import build
from pipeline.data.preparation.pack import choose_channels, choose_size, pack
from pipeline.data.preparation.prepare import Prepare
from pipeline.data.preparation.recipe import PreprocessParams
from pipeline.data.sources.folder import Folder
from pipeline.errors import StageOutOfDate
from tests.folders import picture, save, write_folder

PREPARE = Prepare(3, 5, "pad", "median")


@pytest.fixture
def mixed(tmp_path: Path) -> Folder:
    """Pictures of five shapes, grey and colour."""
    write_folder(tmp_path, {"cat": 3, "dog": 3})
    for number, shape in enumerate([(4, 9, 3), (4, 9, 1), (30, 2, 1), (5, 5, 3)]):
        save(tmp_path / f"dog/other{number}.png", picture(str(number), *shape))
    return Folder(tmp_path)


def test_each_row_is_its_image_prepared_alone(mixed: Folder) -> None:
    rows = build(mixed).images.sample(frac=1, random_state=0)
    packed = pack(rows, mixed, PREPARE, ["cat", "dog"])
    assert packed.digests == rows["digest"].tolist()
    assert packed.labels.tolist() == [["cat", "dog"].index(label) for label in rows["label"]]
    for image, path in zip(packed.images, rows["path"], strict=True):
        alone = torch.from_numpy(mixed.read(path).pixels).permute(2, 0, 1)[None]
        assert np.array_equal(image, PREPARE(alone)[0].numpy()), path


@pytest.mark.parametrize("change", ["pixels", "removed", "broken"])
def test_an_image_that_changed_after_ingest_is_named(mixed: Folder, tmp_path: Path, change: str) -> None:
    rows = build(mixed).images
    path = tmp_path / "cat/001.png"
    if change == "pixels":
        save(path, picture("something else"))
    elif change == "removed":
        path.unlink()
    else:
        path.write_bytes(b"")
    with pytest.raises(StageOutOfDate, match=r"E702 cat/001\.png"):
        pack(rows, mixed, PREPARE, ["cat", "dog"])


@pytest.mark.parametrize(
    ("sizes", "asked", "chosen"),
    [([(8, 8)], "auto", 8), ([(20, 30), (50, 40), (99, 24)], "auto", 24), ([(500, 300)], "auto", 64), ([(8, 8)], 12, 12)],
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
