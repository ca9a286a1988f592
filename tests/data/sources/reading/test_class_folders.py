"""The rules for trees of any kind; tests of folder and archive ask for them on real ones."""

from __future__ import annotations

import pytest

from pipeline.data.sources.reading.class_folders import Tree, arrange, tree
from pipeline.errors import SourceMissing


@pytest.mark.parametrize(
    ("paths", "splits"),
    [
        (["train/cat/0", "test/cat/0"], {"train", "test"}),
        (["Train/cat/0", "VALID/cat/0", "Test/cat/0"], {"train", "val", "test"}),
        (["train/cat/0", "validation/dog/0"], {"train", "val"}),
        (["train/cat/0"], {"train"}),
        (["test/cat/0", "val/cat/0"], {None}),
        (["train/cat/0", "lorry/cat/0"], {None}),
    ],
)
def test_splits_are_given_when_all_folders_are_named_so_and_train_is_there(paths: list[str], splits: set[str | None]) -> None:
    assert {sample.split for sample in arrange(tree(paths, []), "here").samples} == splits


def test_a_folder_beside_train_and_test_makes_no_classes_of_them() -> None:
    paths = ["train/cat/0", "test/cat/0", "notes/0"]
    with pytest.raises(SourceMissing, match=r"E306 the folder notes at ingest\.path — it lies beside the splits"):
        arrange(tree(paths, []), "here")


def test_files_beside_the_classes_are_counted_on_both_levels() -> None:
    arranged = arrange(tree(["a", "train/b", "train/cat/c", "test/cat/d", "test/cat/e/f"], []), "here")
    assert arranged.ignored == {"beside-the-classes": 2}
    assert [sample.path for sample in arranged.samples] == ["test/cat/d", "test/cat/e/f", "train/cat/c"]


def test_junk_counts_once_for_all_that_lies_in_it() -> None:
    paths = [".git/a", ".git/b/c", "cat/.hidden", "cat/0", "__MACOSX/cat/._0"]
    assert arrange(tree(paths, [".git/b", ".empty"]), "here").ignored == {"hidden": 3, "system-file": 1}


@pytest.mark.parametrize("paths", [[], ["0.png"], [".git/a"]])
def test_no_class_folder_is_told(paths: list[str]) -> None:
    with pytest.raises(SourceMissing, match=r"E306 here at ingest\.path — it holds no class folder"):
        arrange(tree(paths, []), "here")


@pytest.mark.parametrize(
    ("paths", "folder"),
    [
        (["set/cat/0", "set/dog/0"], "set/"),
        (["set/cat/0", "set/readme"], "set/"),
        (["set/cat/0", "readme"], ""),
        (["cat/0"], ""),
        (["train/cat/0"], ""),
        ([], ""),
    ],
)
def test_the_folder_around_all_is_found(paths: list[str], folder: str) -> None:
    whole: Tree = tree(paths, [])
    assert whole.common_folder() == folder
    assert set(whole.below(folder).files) == {path.removeprefix(folder) for path in paths if path.startswith(folder)}
