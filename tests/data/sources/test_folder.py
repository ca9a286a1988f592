from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.sources.folder import Folder
from pipeline.data.sources.source import Sample
from pipeline.errors import ImageRefused, SourceMissing, TwinNames
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
    source = Folder(tmp_path)
    assert [sample.path for sample in source.samples()] == ["cat/000.png", "cat/deeper/000.png", "dog/000.png"]
    assert source.ignored() == {"hidden": 3, "system-file": 3, "beside-the-classes": 1}


def test_links_are_listed_and_refused(tmp_path: Path) -> None:
    outside = write_folder(tmp_path / "outside", {"cat": 1})
    root = write_folder(tmp_path / "root", {"cat": 1})
    (root / "cat/link.png").symlink_to(outside / "cat/000.png")
    (root / "cat/loop").symlink_to(root)
    (root / "dog").symlink_to(outside / "cat")
    source = Folder(root)
    assert [sample.path for sample in source.samples()] == ["cat/000.png", "cat/link.png", "cat/loop", "dog"]
    for path, reason in {"cat/link.png": "link-outside", "cat/loop": "link", "dog": "link-outside"}.items():
        with pytest.raises(ImageRefused) as caught:
            source.read(path)
        assert caught.value.what == reason


def test_a_loop_of_links_is_a_link(tmp_path: Path) -> None:
    write_folder(tmp_path, {"cat": 1})
    (tmp_path / "cat/a").symlink_to("b")
    (tmp_path / "cat/b").symlink_to("a")
    source = Folder(tmp_path)
    assert [sample.path for sample in source.samples()] == ["cat/000.png", "cat/a", "cat/b"]
    with pytest.raises(ImageRefused, match="E307 link "):
        source.read("cat/a")


def test_a_folder_that_became_a_link_after_listing_is_not_followed(tmp_path: Path) -> None:
    outside = write_folder(tmp_path / "outside", {"cat": 1})
    source = Folder(write_folder(tmp_path / "root", {"cat": 1, "dog": 1}))
    assert len(source.samples()) == 2
    (tmp_path / "root/cat").rename(tmp_path / "root/gone")
    (tmp_path / "root/cat").symlink_to(outside / "cat")
    with pytest.raises(ImageRefused, match="link-outside"):
        source.read("cat/000.png")


def test_a_linked_root_is_the_folder_it_leads_to(tmp_path: Path) -> None:
    write_folder(tmp_path / "pets", {"cat": 1, "dog": 1})
    (tmp_path / "raw").symlink_to("pets")
    source = Folder(tmp_path / "raw")
    assert source.name == "pets"
    assert source.read("cat/000.png").pixels.shape == (6, 8, 3)


def test_a_linked_split_is_named(tmp_path: Path) -> None:
    write_folder(tmp_path / "elsewhere", {"cat": 1})
    write_folder(tmp_path / "raw", {"train/cat": 1})
    (tmp_path / "raw/test").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SourceMissing, match=r"the folder test .* links are not followed"):
        Folder(tmp_path / "raw").samples()


@pytest.mark.parametrize("name", ["two\nlines.png", "tab\there.png", "-rf.png", "back\\slash.png", "l\u2028s.png", "日本 語.png"])
def test_odd_names_are_one_line_and_readable(tmp_path: Path, name: str) -> None:
    root = write_folder(tmp_path, {"cat": 1})
    (root / "cat/000.png").rename(root / "cat" / name)
    (sample,) = Folder(root).samples()
    assert sample.path.isprintable()
    assert np.array_equal(Folder(root).read(sample.path).pixels, picture("cat/0"))


def test_names_that_look_the_same_are_both_told(tmp_path: Path) -> None:
    root = write_folder(tmp_path, {"cat": 1, "dog": 1})
    for name in ("caf\u00e9.png", "cafe\u0301.png"):
        save(root / "cat" / name, picture(name))
    with pytest.raises(TwinNames, match=r"cafe\\u0301.*caf\\xe9"):
        Folder(root).samples()


def test_a_file_too_long_for_an_image_is_not_read(tmp_path: Path) -> None:
    root = write_folder(tmp_path, {"cat": 1})
    with (root / "cat/000.png").open("r+b") as file:
        file.truncate(1 << 40)  # takes no space
    with pytest.raises(ImageRefused, match="too-large"):
        Folder(root).read("cat/000.png")


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
    with pytest.raises(ImageRefused, match="name-not-utf8"):
        source.read(source.samples()[1].path)
    assert source.stamp(source.samples()[1].path) is None


def test_a_folder_that_cannot_be_looked_into_is_named(tmp_path: Path) -> None:
    write_folder(tmp_path, {"cat": 1})
    deepest = os.open(tmp_path / "cat", os.O_RDONLY)
    for _ in range(20):  # 20 × 250 characters are a longer path than any system takes
        os.mkdir("n" * 250, dir_fd=deepest)
        deeper = os.open("n" * 250, os.O_RDONLY, dir_fd=deepest)
        os.close(deepest)
        deepest = deeper
    os.close(deepest)
    with pytest.raises(SourceMissing, match=r"E306 a folder at .* too long"):
        Folder(tmp_path).samples()


@pytest.mark.parametrize("content", [None, "file"])
def test_a_missing_or_empty_folder_is_named(tmp_path: Path, content: str | None) -> None:
    root = tmp_path / "raw"
    if content:
        root.mkdir()
        (root / content).write_bytes(b"")
    with pytest.raises(SourceMissing, match=r"E306 the folder .*raw at ingest.path"):
        Folder(root)
