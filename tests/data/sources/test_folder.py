from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.sources.folder import Folder
from pipeline.data.sources.source import Sample
from pipeline.errors import ImageRefused, SourceMissing
from tests.folders import picture, save, write_folder


def test_class_folders_give_labels_and_paths_in_order(tmp_path: Path) -> None:
    source = Folder(write_folder(tmp_path / "my set!", {"dog": 1, "cat": 2}))
    assert source.name == "my-set-"
    assert source.classes() == ["cat", "dog"]
    labels = {"cat/000.png": "cat", "cat/001.png": "cat", "dog/000.png": "dog"}
    assert source.samples() == [Sample(path, label, None) for path, label in labels.items()]
    assert np.array_equal(source.read("dog/000.png").pixels, picture("dog/0"))


@pytest.mark.parametrize(
    ("folders", "splits"),
    [
        (("train", "test"), ("train", "test")),
        (("train", "val", "test"), ("train", "val", "test")),
        (("Train", "valid", "Test"), ("train", "val", "test")),
        (("train", "validation"), ("train", "val")),
    ],
)
def test_folders_named_as_splits_give_the_split(tmp_path: Path, folders: tuple[str, ...], splits: tuple[str, ...]) -> None:
    source = Folder(write_folder(tmp_path, {f"{folder}/{label}": 1 for folder in folders for label in ("cat", "dog")}))
    assert source.classes() == ["cat", "dog"]
    assert {sample.split for sample in source.samples()} == set(splits)


@pytest.mark.parametrize("folders", [("train", "lorry"), ("test", "val")])
def test_other_folders_are_classes_even_if_one_is_called_train(tmp_path: Path, folders: tuple[str, ...]) -> None:
    source = Folder(write_folder(tmp_path, dict.fromkeys(folders, 1)))
    assert source.classes() == sorted(folders)
    assert {sample.split for sample in source.samples()} == {None}


def test_junk_and_loose_files_are_ignored_and_nested_files_are_not(tmp_path: Path) -> None:
    write_folder(tmp_path, {"cat": 1, "cat/deeper": 1, "dog": 1, "__MACOSX/cat": 1, ".git/cat": 1})
    for name in ("cat/.DS_Store", "cat/Thumbs.db", "cat/._000.png", "readme.txt", "dog/desktop.ini"):
        (tmp_path / name).write_bytes(b"junk")
    assert [sample.path for sample in Folder(tmp_path).samples()] == ["cat/000.png", "cat/deeper/000.png", "dog/000.png"]


def test_links_are_listed_and_refused(tmp_path: Path) -> None:
    outside = write_folder(tmp_path / "outside", {"cat": 1})
    root = write_folder(tmp_path / "root", {"cat": 1})
    (root / "cat/link.png").symlink_to(outside / "cat/000.png")
    (root / "cat/loop").symlink_to(root)
    (root / "dog").symlink_to(outside / "cat")
    source = Folder(root)
    assert [sample.path for sample in source.samples()] == ["cat/000.png", "cat/link.png", "cat/loop", "dog"]
    for path in ("cat/link.png", "cat/loop", "dog"):
        with pytest.raises(ImageRefused, match="E307 link"):
            source.read(path)


def test_pipes_and_missing_files_are_refused_without_waiting(tmp_path: Path) -> None:
    write_folder(tmp_path, {"cat": 1})
    os.mkfifo(tmp_path / "cat/pipe.png")
    source = Folder(tmp_path)
    with pytest.raises(ImageRefused, match="not-a-file"):
        source.read("cat/pipe.png")
    with pytest.raises(ImageRefused, match="unreadable"):
        source.read("cat/gone.png")


def test_a_name_that_is_not_utf8_is_shown_escaped_and_refused(tmp_path: Path) -> None:
    write_folder(tmp_path, {"cat": 1})
    save(tmp_path / "cat/plain.png", picture("plain"))
    (tmp_path / "cat/plain.png").rename(tmp_path / os.fsdecode(b"cat/caf\xe9.png"))
    source = Folder(tmp_path)
    assert source.samples()[1].path == "cat/caf\\xe9.png"
    with pytest.raises(ImageRefused, match="not UTF-8"):
        source.read(source.samples()[1].path)


@pytest.mark.parametrize("content", [None, "file"])
def test_a_missing_or_empty_folder_is_named(tmp_path: Path, content: str | None) -> None:
    root = tmp_path / "raw"
    if content:
        root.mkdir()
        (root / content).write_bytes(b"")
    with pytest.raises(SourceMissing, match=r"E306 the folder .*raw at ingest.path"):
        Folder(root)
