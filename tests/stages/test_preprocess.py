from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from pipeline import layout
from pipeline.data.augmentation.settings import AugmentParams
from pipeline.data.catalog.settings import IngestParams
from pipeline.data.images.decoding import Decoding
from pipeline.data.preparation import packed
from pipeline.data.preparation.recipe import PreprocessParams, Recipe
from pipeline.data.preparation.steps import Contrast, Denoise, Resize
from pipeline.data.split.assign import SplitParams
from pipeline.errors import DiskFull, StageOutOfDate, StepNotExportable, WrongValue
from pipeline.stages import ingest, preprocess, split
from tests.disks import small_disk
from tests.folders import picture, save, write_folder

PARAMS = PreprocessParams()
FLIPPED = AugmentParams(copies=1, flip=1.0, rotation_degrees=0.0, scale=0.0, shift=0.0, noise=0.0)
FOLDER = IngestParams(source="folder")


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    counts = {f"{name}/{label}": count for name, count in (("train", 9), ("val", 3), ("test", 4)) for label in ("cat", "dog")}
    return write_folder(tmp_path / "data/raw", counts, channels=1)


def sealed() -> dict[str, Any]:
    return json.loads(Path("data/processed/test/seal.json").read_text())


def run(params: PreprocessParams = PARAMS, ingested: IngestParams = FOLDER) -> Recipe:
    ingest.run(ingested)
    split.run(SplitParams())
    preprocess.run(params)
    return Recipe.from_bytes(Path("data/processed/recipe.json").read_bytes())


def shards(split: str) -> list[str]:
    return sorted(path.name for path in Path("data/processed", split).glob("images-*"))


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
    index = pd.read_csv("data/processed/train/index.csv")
    assert index["copy"].tolist() == [0] * 18 + [1] * 18 + [2] * 18


@pytest.mark.usefixtures("raw")
def test_the_parameters_are_carried_out() -> None:
    steps = (Resize(fit="pad"), Denoise(filter="gaussian"))
    recipe = run(PreprocessParams(image_size=10, steps=steps, color="rgb"))
    assert (recipe.shape, recipe.steps, len(recipe.mean), recipe.class_weights) == ((3, 10, 10), steps, 3, None)


@pytest.mark.usefixtures("raw")
def test_the_recipe_tells_how_images_were_decoded_and_what_they_show() -> None:
    decoding = Decoding(background="#102030", reduce_to=64)
    recipe = run(ingested=IngestParams(source="folder", decode=decoding, kind="glyphs"))
    assert (recipe.decode, recipe.kind) == (decoding, "glyphs")


def test_balanced_weights_are_of_the_train_images_alone(raw: Path) -> None:
    write_folder(raw, {"train/cat": 27, "val/dog": 9}, channels=1)
    assert run(PreprocessParams(class_weights="balanced")).class_weights == pytest.approx((36 / (2 * 27), 36 / (2 * 9)))
    copied = PreprocessParams(class_weights="balanced", augment=AugmentParams(copies=1))
    assert run(copied).class_weights == pytest.approx((36 / (2 * 27), 36 / (2 * 9)))


@pytest.mark.usefixtures("raw")
def test_folds_follow_their_images() -> None:
    run()
    splits = pd.read_parquet(layout.SPLITS / "splits.parquet")
    splits["fold"] = pd.array([None if side == "test" else row % 3 for row, side in enumerate(splits["split"])], dtype="Int8")
    splits.to_parquet(layout.SPLITS / "splits.parquet", index=False)
    preprocess.run(PARAMS)
    recipe = Recipe.from_bytes(Path("data/processed/recipe.json").read_bytes())
    fold = splits.set_index("digest")["fold"]
    for side in ("train", "val"):
        rows = packed.read(Path("data/processed") / side, recipe.digests[side])
        assert rows.folds is not None and rows.folds.tolist() == fold.loc[rows.digests].tolist()
    assert packed.read(Path("data/processed/test"), sealed()["digest"]).folds is None


def test_a_split_larger_than_a_shard_is_the_same_in_several_files(raw: Path) -> None:
    params = PreprocessParams(image_size=256, shard_megabytes=1, augment=FLIPPED)  # 16 images a file
    recipe = run(params)
    assert shards("train") == [f"images-{number:05}.npy" for number in range(4)]
    rows = packed.read(Path("data/processed/train"), recipe.digests["train"])
    whole = run(params.model_copy(update={"shard_megabytes": 64}))
    assert shards("train") == ["images-00000.npy", "images-00001.npy"]
    again = packed.read(Path("data/processed/train"), whole.digests["train"])
    assert np.array_equal(rows.images[:], again.images[:]) and rows.digests == again.digests
    assert (recipe.mean, recipe.std) == (whole.mean, whole.std)


class Decides(Denoise):
    """Looks at a value before it decides what to compute."""

    def apply(self, images: torch.Tensor, side: int) -> torch.Tensor:
        """Leave bright images alone."""
        return images if images.max() > 9 else images + 1


def test_a_step_that_cannot_be_exported_stops_it_before_an_image_is_read(raw: Path) -> None:
    run()
    (raw / "train/cat/000.png").unlink()
    with pytest.raises(StepNotExportable, match=r"E213 preprocess\.steps\.1\.denoise"):
        preprocess.run(PARAMS.model_copy(update={"steps": (Resize(fit="pad"), Decides(filter="median"))}))


@pytest.mark.usefixtures("raw")
def test_more_tiles_than_pixels_are_refused() -> None:
    with pytest.raises(WrongValue, match=r"preprocess\.steps\.1\.contrast\.tiles"):
        run(PreprocessParams(steps=(Resize(fit="pad"), Contrast(tiles=7))))


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


def test_on_a_disk_that_is_too_small_no_image_is_packed_and_on_a_larger_one_it_is_said_what_dvc_needs(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ingest.run(FOLDER)
    split.run(SplitParams())
    with small_disk(tmp_path / "data/processed", mebibytes=4):
        large = PreprocessParams(image_size=512)  # 32 images of 256 KiB
        with pytest.raises(DiskFull, match=r"8\.4 MB of packed images are to be written, and there is room for 4\.2 MB"):
            preprocess.run(large)
        assert not list((tmp_path / "data/processed").rglob("*.npy"))
        capsys.readouterr()
        monkeypatch.setenv("DVC_STAGE", "preprocess")
        preprocess.run(PreprocessParams(image_size=320))
        assert "preprocess: 0.9 MB are left beside 3.3 MB of packed images: DVC's cache needs as much" in capsys.readouterr().out
        preprocess.run(PreprocessParams(image_size=64))  # in the place of those
        assert "DVC's cache" not in capsys.readouterr().out
