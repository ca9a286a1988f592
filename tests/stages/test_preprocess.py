from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.data.catalog.settings import IngestParams
from pipeline.data.preparation import packed
from pipeline.data.preparation.recipe import AugmentParams, PreprocessParams, Recipe
from pipeline.data.split.assign import SplitParams
from pipeline.errors import StageOutOfDate
from pipeline.stages import ingest, preprocess, split
from tests.folders import picture, save, write_folder

PARAMS = PreprocessParams()


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    counts = {f"{name}/{label}": count for name, count in (("train", 9), ("val", 3), ("test", 4)) for label in ("cat", "dog")}
    return write_folder(tmp_path / "data/raw", counts, channels=1)


def sealed() -> dict[str, Any]:
    return json.loads(Path("data/processed/test/seal.json").read_text())


def run(params: PreprocessParams = PARAMS) -> Recipe:
    ingest.run(IngestParams(source="folder"))
    split.run(SplitParams())
    preprocess.run(params)
    return Recipe.from_bytes(Path("data/processed/recipe.json").read_bytes())


def files(folder: str) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(Path(folder).rglob("*")) if path.is_file()}


@pytest.mark.usefixtures("raw")
def test_the_recipe_describes_the_packed_files() -> None:
    recipe = run()
    assert (recipe.source, recipe.classes, recipe.shape) == ("raw", ("cat", "dog"), (1, 6, 6))
    assert (recipe.counts, sealed()["count"]) == ({"train": 18, "val": 6}, 8)
    for name, count in {**recipe.counts, "test": 8}.items():
        rows = packed.read(Path("data/processed") / name, {**recipe.digests, "test": sealed()["digest"]}[name])
        assert rows.images.shape == (count, *recipe.shape)
        assert np.bincount(rows.labels).tolist() == [count // 2] * 2
    train = packed.read(Path("data/processed/train"), recipe.digests["train"]).images / 255
    assert recipe.mean == pytest.approx([train.mean()])
    assert recipe.std == pytest.approx([train.std()])


@pytest.mark.parametrize("side", ["val", "test"])
@pytest.mark.parametrize("change", ["pixels", "shape and colour", "more images"])
def test_held_out_images_leave_the_train_files_and_statistics_unchanged(raw: Path, side: str, change: str) -> None:
    recipe, seal = run(), sealed()
    train = files("data/processed/train")
    if change == "pixels":
        save(raw / side / "cat/000.png", 255 - picture(f"{side}/cat/0", channels=1))
    elif change == "shape and colour":
        for number in range(3):
            save(raw / side / f"dog/{number:03}.png", picture("other" + str(number), 50, 70, 3))
    else:
        write_folder(raw / side, {"cat": 30}, channels=1)
    changed = run()
    assert files("data/processed/train") == train
    assert (changed.mean, changed.std, changed.shape) == (recipe.mean, recipe.std, recipe.shape)
    assert changed.digests["train"] == recipe.digests["train"]
    assert (changed != recipe, sealed() != seal) == (side == "val", side == "test")


@pytest.mark.usefixtures("raw")
def test_twice_gives_the_same_bytes() -> None:
    params = PreprocessParams(augment=AugmentParams(copies=2))
    run(params)
    first = files("data")
    run(params)
    assert files("data") == first


@pytest.mark.usefixtures("raw")
def test_copies_are_added_to_train_alone_and_do_not_touch_the_statistics() -> None:
    plain, seal = run(), sealed()
    recipe = run(PreprocessParams(augment=AugmentParams(copies=2)))
    assert recipe.counts == {"train": 54, "val": 6}
    assert (recipe.mean, recipe.std) == (plain.mean, plain.std)
    assert (recipe.digests["val"], sealed()) == (plain.digests["val"], seal)
    rows = packed.read(Path("data/processed/train"), recipe.digests["train"])
    assert rows.digests[:18] == rows.digests[18:36] == rows.digests[36:]
    assert not np.array_equal(rows.images[18:36], rows.images[36:])


@pytest.mark.usefixtures("raw")
def test_the_parameters_are_carried_out() -> None:
    recipe = run(PreprocessParams(image_size=10, fit="pad", color="rgb", denoise="gaussian"))
    assert (recipe.shape, recipe.fit, recipe.denoise, len(recipe.mean)) == ((3, 10, 10), "pad", "gaussian", 3)


def test_an_image_that_changed_after_ingest_stops_it(raw: Path) -> None:
    run()
    save(raw / "test/cat/000.png", picture("changed"))
    with pytest.raises(StageOutOfDate, match=r"test/cat/000\.png"):
        preprocess.run(PARAMS)


def test_splits_of_another_catalog_are_noticed(raw: Path) -> None:
    run()
    write_folder(raw, {"train/cat": 10}, channels=1)
    ingest.run(IngestParams(source="folder"))
    with pytest.raises(StageOutOfDate, match="do not hold the same images"):
        preprocess.run(PARAMS)
