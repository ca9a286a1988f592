"""Files, folders, patterns and CSV files become paths, in order and one by one."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import ManifestBroken, MissingFile
from pipeline.prediction.files import files


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("b/2.png", "b/1.png", "a.png", "b/.hidden.png", "c/deep/3.jpg", "__MACOSX/4.png", "odd[1].png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "b/list.csv").write_text("path,other\n1.png,../a.png\n../c/deep/3.jpg,\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["a.png", "gone.png"], "a.png gone.png"),
        (["b", "a.png"], "b/1.png b/2.png b/list.csv a.png"),
        (["."], "a.png b/1.png b/2.png b/list.csv c/deep/3.jpg odd[1].png"),
        (["**/*.jpg", "b/?.png"], "c/deep/3.jpg b/1.png b/2.png"),
        (["odd[1].png"], "odd[1].png"),
        (["b/list.csv"], "b/1.png b/../c/deep/3.jpg"),
    ],
)
def test_what_is_meant(folder: Path, words: list[str], found: str) -> None:
    assert [str(path) for path in files(words)] == found.split()


def test_another_column_can_be_named_and_a_missing_one_is(folder: Path) -> None:
    assert str(next(files(["b/list.csv"], "other"))) == "b/../a.png"
    with pytest.raises(ManifestBroken, match="no column 'othr', did you mean other"):
        next(files(["b/list.csv"], "othr"))


@pytest.mark.parametrize("word", ["*.tiff", "gone.csv"])
def test_a_pattern_that_nothing_fits_and_a_list_that_is_not_there_are_named(folder: Path, word: str) -> None:
    with pytest.raises(MissingFile):
        next(files([word]))
