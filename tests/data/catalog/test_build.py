from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.data.catalog.build import build, catalog, in_memory, look_at
from pipeline.data.catalog.seen import Looks
from pipeline.data.catalog.table import to_files
from pipeline.data.duplicates.fingerprint import fingerprint
from pipeline.data.images.decode import pixel_digest
from pipeline.data.sources import open_source
from pipeline.data.sources.folder import Folder
from tests.data.catalog.deadly import Deadly
from tests.folders import picture, save, write_folder


def test_the_catalog_says_what_each_image_is(tmp_path: Path) -> None:
    write_folder(tmp_path, {"train/cat": 3, "train/dog": 3, "test/cat": 1})
    save(tmp_path / "test/dog/grey.png", picture("grey", 9, 4, 1))
    found = build(Folder(tmp_path))
    assert found.images["path"].is_monotonic_increasing
    row = found.images.set_index("path").loc["test/dog/grey.png"]
    assert pd.isna(row["group"])
    assert row.drop(["bytes", "group"]).to_dict() == {
        "label": "dog",
        "split": "test",
        "digest": pixel_digest(picture("grey", 9, 4, 1)),
        "phash": f"{fingerprint(picture('grey', 9, 4, 1)).hash:016x}",
        "width": 4,
        "height": 9,
        "channels": 1,
        "mode": "L",
        "conversions": "",
    }
    assert row["bytes"] == (tmp_path / "test/dog/grey.png").stat().st_size


def test_thumbnails_are_those_of_the_images_row_by_row(tmp_path: Path) -> None:
    write_folder(tmp_path, {"cat": 3, "dog": 3})
    (tmp_path / "cat/001.png").write_bytes(b"hello")
    found = build(Folder(tmp_path))
    assert found.rejects.to_numpy().tolist() == [
        ["cat/001.png", "cat", "not-an-image: its first bytes are those of no known format"]
    ]
    names = [path.replace("/00", "/").removesuffix(".png") for path in found.images["path"]]
    assert (found.thumbnails == np.stack([fingerprint(picture(name)).thumbnail for name in names])).all()


def test_labels_may_be_any_text(tmp_path: Path) -> None:
    labels = ["a b", "naïve", "-x", "1"]
    found = build(Folder(write_folder(tmp_path, dict.fromkeys(labels, 3))))
    assert sorted(found.images["label"].unique()) == sorted(labels) == sorted(found.classes)
    assert found.images["split"].isna().all()


def test_two_processes_find_what_one_finds(tmp_path: Path) -> None:
    write_folder(tmp_path, {"cat": 70, "dog": 70})
    (tmp_path / "cat/bad.png").write_bytes(b"hello")
    source = open_source("folder", str(tmp_path))
    samples = source.samples()
    looks = Looks([sample.path for sample in samples])
    look_at(looks, range(len(samples)), partial(open_source, "folder", str(tmp_path)), 2)
    assert to_files(catalog(samples, looks, source.classes())) == to_files(build(source))
    assert looks.stamps == [source.stamp(sample.path) for sample in samples]


def test_an_image_that_kills_the_decoder_is_a_reject_and_looked_at_again_next_time(tmp_path: Path) -> None:
    write_folder(tmp_path, {"cat": 70, "dog": 70})
    save(tmp_path / "cat/deadly.png", picture("deadly"))
    source = Deadly(tmp_path)
    samples = source.samples()
    looks = Looks([sample.path for sample in samples])
    look_at(looks, range(len(samples)), partial(Deadly, tmp_path), 2)
    found = catalog(samples, looks, source.classes())
    assert found.rejects.to_numpy().tolist() == [["cat/deadly.png", "cat", "decoder killed by SIGSEGV"]]
    assert len(found.images) == 140
    assert [path for path, stamp in zip(looks.paths, looks.stamps, strict=True) if stamp is None] == ["cat/deadly.png"]


@pytest.mark.parametrize("name", ["digits", "folder"])
def test_a_source_whose_pixels_are_in_memory_is_known_by_its_stamps(tmp_path: Path, name: str) -> None:
    source = open_source(name, str(write_folder(tmp_path, {"cat": 3, "dog": 3})))
    assert in_memory(source, source.samples()) == (name == "digits")


def test_a_table_that_begins_with_missing_files_is_not_in_memory(tmp_path: Path) -> None:
    write_folder(tmp_path, {"z": 1})
    missing = "".join(f"a/{number:03}.png,cat\n" for number in range(200))
    (tmp_path / "list.csv").write_text(f"path,label\n{missing}z/000.png,cat\n")
    source = open_source("manifest", str(tmp_path / "list.csv"))
    assert not in_memory(source, source.samples())
