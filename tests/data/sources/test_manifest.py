from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.data.sources.manifest import Manifest
from pipeline.data.sources.source import Sample
from pipeline.errors import ConvoyError, ImageRefused, ManifestBroken, SourceMissing, TwinNames
from tests.folders import picture, write_folder

ROWS = {
    "path": ["b/000.png", "a/000.png", "./a//001.png"],
    "label": ["NA", "cat", "cat"],
    "split": ["test", "Train", "valid"],
    "group": ["", "anna", "otto"],
    "age": [1, 2, 3],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "pets", {"a": 2, "b": 1})


def write(folder: Path, text: str) -> Path:
    (folder / "list.csv").write_bytes(text.encode())
    return folder / "list.csv"


def told(folder: Path, text: str) -> ConvoyError:
    with pytest.raises(ConvoyError) as caught:
        Manifest(write(folder, text))
    return caught.value


@pytest.mark.parametrize("name", ["list.csv", "manifest.csv", "list.parquet", "manifest.parquet"])
def test_rows_become_samples_in_order_of_their_paths(folder: Path, name: str) -> None:
    table = pd.DataFrame(ROWS)
    table.to_csv(folder / name, index=False) if name.endswith("csv") else table.to_parquet(folder / name)
    source = Manifest(folder if name.startswith("manifest") else folder / name)
    assert source.samples() == [
        Sample("a/000.png", "cat", "train", "anna"),
        Sample("a/001.png", "cat", "val", "otto"),
        Sample("b/000.png", "NA", "test", None),
    ]
    assert source.classes() == ["NA", "cat"]
    assert source.name == ("pets" if name.startswith("manifest") else "list")
    assert np.array_equal(source.read("a/001.png").pixels, picture("a/1"))


def test_split_and_group_can_be_left_out_and_labels_can_be_numbers(folder: Path) -> None:
    pd.DataFrame({"label": [7, 10], "path": ["a/000.png", "b/000.png"]}).to_parquet(folder / "list.parquet")
    source = Manifest(folder / "list.parquet")
    assert source.samples() == [Sample("a/000.png", "7", None), Sample("b/000.png", "10", None)]
    assert source.classes() == ["10", "7"]


def test_a_byte_order_mark_and_quoted_newlines_are_understood(folder: Path) -> None:
    (folder / "a/000.png").rename(folder / "a/two\nlines.png")
    source = Manifest(write(folder, '\ufeffpath,label\n"a/two\nlines.png",cat\n'))
    (sample,) = source.samples()
    assert sample.path == r"a/two\u000alines.png"
    assert source.read(sample.path).pixels.shape == (6, 8, 3)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("../outside/cat/000.png", "outside"),
        ("a/../../outside/cat/000.png", "outside"),
        ("..", "outside"),
        ("/etc/hostname", "outside"),
        ("a/link.png", "link"),
        ("a/away.png", "link-outside"),
        ("linked/000.png", "link"),
        ("a/gone.png", "unreadable"),
        ("a", "not-a-file"),
        ("a/\u0000.png", "unreadable"),
    ],
)
def test_paths_that_leave_the_folder_or_are_no_file_are_refused(folder: Path, path: str, reason: str) -> None:
    outside = write_folder(folder.parent / "outside", {"cat": 1})
    (folder / "a/link.png").symlink_to("000.png")
    (folder / "a/away.png").symlink_to(outside / "cat/000.png")
    (folder / "linked").symlink_to("a")
    pd.DataFrame({"path": [path], "label": ["cat"]}).to_parquet(folder / "list.parquet")
    source = Manifest(folder / "list.parquet")
    (sample,) = source.samples()
    with pytest.raises(ImageRefused) as caught:
        source.read(sample.path)
    assert caught.value.what == reason


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("file,class\na/000.png,cat\n", "no column path and label; there are file, class"),
        ("path;label\na/000.png;cat\n", "no column path and label; there are path;label"),
        ("path,label\na/000.png,\na/001.png, \nb/000.png,cat\n", "2 rows without a label: 2, 3"),
        ("path,label\n,cat\n", "1 rows without a path: 2"),
        ("path,label\na/000.png,cat\na/001.png,cat\n./a/000.png,dog\n", "2 rows that list a file twice: 2, 4"),
        ("path,label,split\na/000.png,cat,train\na/001.png,cat,dev\n", "1 rows with another split than train, val or test: 3"),
        ("path,label,split\na/000.png,cat,train\na/001.png,cat,\n", "1 rows without a split where others have one: 3"),
        ('path,label\n"a/000.png,cat\n', "EOF inside string"),
        ("path,label\na/000.png,cat,\nb/000.png,dog,\n", "the rows have more fields than the first line has names"),
        ("path,label,split\na/000.png,cat,train,\n", "the rows have more fields than the first line has names"),
        ("", "No columns"),
    ],
)
def test_what_cannot_be_followed_is_told_with_its_lines(folder: Path, text: str, why: str) -> None:
    error = told(folder, text)
    assert isinstance(error, ManifestBroken)
    assert why in error.why


def test_everything_wrong_is_told_at_once(folder: Path) -> None:
    error = told(folder, "path,label,split\na/000.png,,train\na/000.png,cat,dev\n")
    assert str(error).count("E311") == 3


def test_names_that_look_the_same_are_both_told(folder: Path) -> None:
    assert isinstance(told(folder, "path,label\na/caf\u00e9.png,cat\na/cafe\u0301.png,cat\n"), TwinNames)


@pytest.mark.parametrize("content", [b"path,label\na/\xe9.png,cat\n", b"PAR1 and no table"])
def test_a_file_that_cannot_be_read_is_named(folder: Path, content: bytes) -> None:
    file = folder / ("list.parquet" if content.startswith(b"PAR1") else "list.csv")
    file.write_bytes(content)
    with pytest.raises(ManifestBroken, match="E311 manifest at"):
        Manifest(file)


@pytest.mark.parametrize("label", [["cat", "dog"], {"name": "cat"}])
def test_a_column_of_lists_or_records_is_told(folder: Path, label: object) -> None:
    pd.DataFrame({"path": ["a/000.png"], "label": [label]}).to_parquet(folder / "list.parquet")
    with pytest.raises(ManifestBroken, match=r"Unsupported cast .* each column as text"):
        Manifest(folder / "list.parquet")


def test_only_csv_and_parquet_are_read(folder: Path) -> None:
    (folder / "list.xlsx").write_bytes(b"")
    with pytest.raises(ManifestBroken, match=r"save it as \.csv or \.parquet"):
        Manifest(folder / "list.xlsx")


def test_a_manifest_without_rows_has_no_samples(folder: Path) -> None:
    assert Manifest(write(folder, "path,label\n")).samples() == []


def test_a_folder_without_a_manifest_is_named(folder: Path) -> None:
    with pytest.raises(SourceMissing, match=r"no manifest\.csv or manifest\.parquet"):
        Manifest(folder)
