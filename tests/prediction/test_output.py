"""A table of predictions is there whole or not at all, in the format that its name says."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from pipeline.errors import WrongValue
from pipeline.prediction.answer import Prediction
from pipeline.prediction.output import write

CLASSES = ("cat", "dog, $x$")
SAID = [
    Prediction("a.png", "cat", {"cat": 0.75, "dog, $x$": 0.25}),
    Prediction("ü.png", reason="zero-bytes: nothing in the file"),
    Prediction("b.png", "dog, $x$", {"cat": 0.125, "dog, $x$": 0.875}),
]


@pytest.mark.parametrize(("name", "read"), [("t.csv", pd.read_csv), ("t.PARQUET", pd.read_parquet)])
def test_a_table_has_one_row_an_image(tmp_path: Path, name: str, read: object) -> None:
    write(tmp_path / name, CLASSES, iter(SAID))
    table = read(tmp_path / name)  # type: ignore[operator]
    assert list(table) == ["path", "label", "reason", "p_cat", "p_dog, $x$"]
    assert list(table.path) == ["a.png", "ü.png", "b.png"]
    assert list(table.label.fillna("")) == ["cat", "", "dog, $x$"] and list(table.reason.isna()) == [True, False, True]
    assert list(table["p_cat"].fillna(-1)) == [0.75, -1, 0.125]


def test_every_row_of_a_csv_file_has_every_column(tmp_path: Path) -> None:
    write(tmp_path / "t.csv", CLASSES, SAID)
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as stream:
        assert {len(row) for row in csv.reader(stream)} == {5}


def test_json_is_an_array_or_an_object_a_line(tmp_path: Path) -> None:
    for count in (0, 1, 3):
        write(tmp_path / "t.json", CLASSES, SAID[:count])
        write(tmp_path / "t.jsonl", CLASSES, SAID[:count])
        expected = [one.record() for one in SAID[:count]]
        assert json.loads((tmp_path / "t.json").read_text()) == expected
        assert [json.loads(line) for line in (tmp_path / "t.jsonl").read_text().splitlines()] == expected


@pytest.mark.parametrize("name", ["t.csv", "t.json", "t.jsonl", "t.parquet"])
def test_predictions_are_taken_one_by_one_and_an_end_in_between_leaves_no_file(tmp_path: Path, name: str) -> None:
    def broken() -> Iterator[Prediction]:
        yield from SAID
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / name, CLASSES, broken())
    assert list(tmp_path.iterdir()) == []


def test_another_ending_is_refused_with_those_that_are_known(tmp_path: Path) -> None:
    with pytest.raises(WrongValue, match=r"\.parqet is no format.*did you mean \.parquet"):
        write(tmp_path / "t.parqet", CLASSES, SAID)
