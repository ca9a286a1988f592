"""The split before is kept when it was made under the same terms."""

from __future__ import annotations

import pytest

from pipeline.data.split.assign import divide
from pipeline.data.split.earlier import Earlier, Moved, kept_side, moves, read, terms
from pipeline.data.split.settings import SplitParams
from pipeline.data.split.table import digest
from pipeline.data.split.units import Unit
from tests.data.split.catalogs import frame, free, sides

PARAMS = SplitParams(folds=3)
DIVISION = divide(frame(free(a=40, b=40)), PARAMS)
MADE_WITH = {**terms(PARAMS), "folds": 3, "splits": digest(DIVISION.splits)}


def test_sides_and_folds_are_read_back() -> None:
    earlier = read(DIVISION.splits, MADE_WITH, PARAMS)
    assert earlier.sides == sides(DIVISION)
    assert set(earlier.folds) == {digest for digest, side in sides(DIVISION).items() if side != "test"}


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"val_share": 0.2}, {"test_share": 0.1}, {"given": "ignore"}, {"on_leak": "move"}, {"near_duplicates": 0.2}],
    ids=str,
)
def test_under_other_terms_nothing_is_kept(change: dict[str, object]) -> None:
    assert read(DIVISION.splits, MADE_WITH, PARAMS.model_copy(update=change)) == Earlier()


def test_nothing_is_kept_when_that_is_not_wanted() -> None:
    assert read(DIVISION.splits, MADE_WITH, PARAMS.model_copy(update={"keep_earlier": False})) == Earlier()


def test_a_table_that_was_edited_is_not_kept() -> None:
    edited = DIVISION.splits.assign(split=DIVISION.splits["split"].replace("val", "train"))
    assert read(edited, MADE_WITH, PARAMS) == Earlier()


def test_another_number_of_folds_keeps_the_sides_alone() -> None:
    earlier = read(DIVISION.splits, MADE_WITH, SplitParams(folds=4))
    assert earlier.sides and not earlier.folds


BEFORE = Earlier({"a": "train", "b": "val", "c": "test", "d": "train"})


@pytest.mark.parametrize(
    ("digests", "allowed", "expected"),
    [
        ("new", ("train", "test"), None),
        ("a new", ("train", "test"), "train"),
        ("a b", ("train", "val", "test"), "val"),
        ("a b c d", ("train", "val", "test"), "test"),
        ("b", ("train", "test"), None),
    ],
)
def test_what_belongs_together_keeps_the_strictest_side_it_had(
    digests: str, allowed: tuple[str, ...], expected: str | None
) -> None:
    assert kept_side(digests.split(), BEFORE, allowed) == expected


@pytest.mark.parametrize(
    ("digests", "now", "expected"),
    [
        ("new", "test", []),
        ("a d new", "train", []),
        ("a", "val", [Moved(("a",), {"train": 1}, "val")]),
        ("a b", "val", [Moved(("a",), {"train": 1, "val": 1}, "val")]),
        ("a b c d", "test", [Moved(("a", "b", "d"), {"test": 1, "train": 2, "val": 1}, "test")]),
    ],
)
def test_what_left_its_side_is_told_with_what_it_belongs_to(digests: str, now: str, expected: list[Moved]) -> None:
    unit = Unit(tuple(digests.split()), (), "a label")
    assert moves([unit], dict.fromkeys(unit.digests, now), BEFORE) == expected
