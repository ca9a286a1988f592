from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.data.catalog.settings import IngestParams
from pipeline.data.catalog.table import Catalog, build, check, read_images, to_files
from pipeline.data.images.decode import pixel_digest
from pipeline.data.sources.folder import Folder
from pipeline.errors import ClassTooSmall, ConvoyError, EmptyClass, NoImages, OneClass, Problems, UnreadableImages
from tests.folders import picture, save, write_folder

FAIL = IngestParams(source="folder")


def problems(catalog: Catalog, params: IngestParams = FAIL) -> list[tuple[type[ConvoyError], str]]:
    try:
        check(catalog, params)
    except Problems as several:
        return [(type(error), str(error)) for error in several.errors]
    except ConvoyError as error:
        return [(type(error), str(error))]
    return []


def test_the_catalog_says_what_each_image_is(tmp_path: Path) -> None:
    write_folder(tmp_path, {"train/cat": 3, "train/dog": 3, "test/cat": 1})
    save(tmp_path / "test/dog/grey.png", picture("grey", 9, 4, 1))
    catalog = build(Folder(tmp_path))
    assert catalog.images["path"].is_monotonic_increasing
    row = catalog.images.set_index("path").loc["test/dog/grey.png"]
    assert row.drop("bytes").to_dict() == {
        "label": "dog",
        "split": "test",
        "digest": pixel_digest(picture("grey", 9, 4, 1)),
        "width": 4,
        "height": 9,
        "channels": 1,
        "mode": "L",
    }
    assert row["bytes"] == (tmp_path / "test/dog/grey.png").stat().st_size


def test_written_and_read_again_it_is_the_same_and_the_bytes_are_too(tmp_path: Path) -> None:
    source = Folder(write_folder(tmp_path, {"cat": 4, "dog": 4}))
    (tmp_path / "cat/bad.png").write_bytes(b"hello")
    files = to_files(build(source))
    pd.testing.assert_frame_equal(read_images(files["catalog.parquet"]), build(source).images)
    assert files == to_files(build(source))
    assert files["rejects.csv"] == b"path,label,reason\ncat/bad.png,cat,not-an-image\n"


def test_good_folders_have_no_problems(tmp_path: Path) -> None:
    assert problems(build(Folder(write_folder(tmp_path, {"cat": 3, "dog": 3})))) == []


def test_unreadable_images_stop_unless_their_share_is_allowed(tmp_path: Path) -> None:
    write_folder(tmp_path, {"cat": 10, "dog": 8})
    (tmp_path / "cat/empty.png").write_bytes(b"")
    (tmp_path / "dog/text.jpg").write_bytes(b"hello")
    catalog = build(Folder(tmp_path))
    ((kind, message),) = problems(catalog)
    assert kind is UnreadableImages
    assert "2 of 20 images cannot be read at cat/empty.png — 1 zero-bytes, 1 not-an-image" in message
    assert "on_bad_image: skip" in message
    assert problems(catalog, IngestParams(on_bad_image="skip", bad_image_share=0.1)) == []
    ((kind, message),) = problems(catalog, IngestParams(on_bad_image="skip", bad_image_share=0.09))
    assert kind is UnreadableImages
    assert "ingest.bad_image_share (now 0.09)" in message


def test_one_class_is_named(tmp_path: Path) -> None:
    assert problems(build(Folder(write_folder(tmp_path, {"cat": 5})))) == [
        (OneClass, "E303 at least 2 classes are needed at ingest.path — there is 1: cat — add a folder a class")
    ]


def test_everything_wrong_is_said_at_once_with_numbers(tmp_path: Path) -> None:
    write_folder(tmp_path, {"ant": 5, "bee": 0, "cat": 2, "dog": 0})
    (tmp_path / "dog/bad.png").write_bytes(b"hello")
    save(tmp_path / "cat/again.png", picture("cat/0"))  # the same pixels do not count twice
    found = problems(build(Folder(tmp_path)))
    assert [kind for kind, _ in found] == [UnreadableImages, EmptyClass, ClassTooSmall, EmptyClass]
    messages = [message for _, message in found]
    assert "class 'bee' is empty — 0 readable images, 0 unreadable" in messages[1]
    assert "class 'cat' is too small — 2 distinct images for 3 splits (train, val, test)" in messages[2]
    assert "class 'dog' is empty — 0 readable images, 1 unreadable" in messages[3]


def test_folders_without_any_file_hold_no_images(tmp_path: Path) -> None:
    assert [kind for kind, _ in problems(build(Folder(write_folder(tmp_path, {"cat": 0, "dog": 0}))))] == [NoImages]


def test_labels_may_be_any_text(tmp_path: Path) -> None:
    labels = ["a b", "naïve", "-x", "1"]
    catalog = build(Folder(write_folder(tmp_path, dict.fromkeys(labels, 3))))
    assert sorted(read_images(to_files(catalog)["catalog.parquet"])["label"].unique()) == sorted(labels)
    assert catalog.images["split"].isna().all()
    assert np.issubdtype(catalog.images["width"].dtype, np.integer)
