"""Given splits are kept but checked: what leaks between them is reported, or moved to the strictest side."""

from __future__ import annotations

import pytest

from pipeline.data.split.assign import Division, divide
from pipeline.data.split.settings import SplitParams
from tests.data.split.catalogs import PARAMS, Row, digests, frame, given, sides

ROWS = given("train", a=9, b=9) + given("val", a=3, b=3) + given("test", a=3, b=3)
TRAINED, VALIDATED, TESTED = digests("traina", 1)[0], digests("vala", 1)[0], digests("testa", 1)[0]
LEAKY = [TRAINED, VALIDATED, TESTED]


def division(rows: list[Row], on_leak: str, by: str) -> Division:
    params = SplitParams(on_leak=on_leak)  # type: ignore[arg-type]
    if by == "group":
        return divide(frame(rows, dict.fromkeys(LEAKY, "patient")), params)
    return divide(frame(rows), params, dict.fromkeys(LEAKY, TRAINED))


def test_pixels_given_on_two_sides_go_to_the_stricter_and_are_listed() -> None:
    rows = [*ROWS, ("a", ROWS[0][1], "test"), ("b", ROWS[12][1], "val")]
    found = divide(frame(rows), PARAMS)
    assert (sides(found)[ROWS[0][1]], sides(found)[ROWS[12][1]]) == ("test", "val")
    assert {(leak.kind, leak.name, tuple(leak.sides), leak.moved) for leak in found.leaks} == {
        ("pixels", ROWS[0][1], ("test", "train"), True),
        ("pixels", ROWS[12][1], ("train", "val"), True),
    }


@pytest.mark.parametrize(("by", "kind", "name"), [("group", "group", "patient"), ("cluster", "near-duplicates", TRAINED)])
def test_what_leaks_is_reported_and_stays(by: str, kind: str, name: str) -> None:
    found = division(ROWS, "report", by)
    assert sides(found) == {digest: split for _, digest, split in ROWS}
    (leak,) = found.leaks
    assert (leak.kind, leak.name, leak.sides, leak.moved) == (kind, name, {"test": 1, "train": 1, "val": 1}, False)


@pytest.mark.parametrize("by", ["group", "cluster"])
def test_what_leaks_can_be_moved_to_the_strictest_side(by: str) -> None:
    found = division(ROWS, "move", by)
    assert {sides(found)[digest] for digest in LEAKY} == {"test"}
    assert {d: s for d, s in sides(found).items() if d not in LEAKY} == {d: s for _, d, s in ROWS if d not in LEAKY}
    assert [(leak.sides, leak.moved) for leak in found.leaks] == [({"test": 1, "train": 1, "val": 1}, True)]


@pytest.mark.parametrize("on_leak", ["report", "move"])
def test_an_image_without_a_given_split_follows_what_it_belongs_to(on_leak: str) -> None:
    rows = [*ROWS, ("a", "new", None)]
    found = divide(frame(rows), SplitParams(on_leak=on_leak), {"new": TESTED, TESTED: TESTED})  # type: ignore[arg-type]
    assert sides(found)["new"] == "test"
    assert found.leaks == []


@pytest.mark.parametrize(("on_leak", "where"), [("report", {"test": 1, "train": 1}), ("move", {"test": 1, "train": 1})])
def test_what_an_image_without_a_given_split_ties_to_a_sealed_one_is_named(on_leak: str, where: dict[str, int]) -> None:
    """Its group is given test, its near-duplicate train: on whichever side it is, it leaks."""
    rows = [*ROWS, ("a", "new", None)]
    groups, clusters = dict.fromkeys(["new", TESTED], "patient"), dict.fromkeys(["new", TRAINED], TRAINED)
    found = divide(frame(rows, groups), SplitParams(on_leak=on_leak), clusters)  # type: ignore[arg-type]
    assert sides(found)["new"] == "test"
    assert sides(found)[TRAINED] == ("train" if on_leak == "report" else "test")
    assert [(leak.kind, leak.sides, leak.moved) for leak in found.leaks] == [("near-duplicates", where, on_leak == "move")]


def test_without_given_splits_nothing_leaks() -> None:
    assert division(ROWS, "report", "group").leaks != []
    assert divide(frame(ROWS, dict.fromkeys(LEAKY, "patient")), SplitParams(given="ignore")).leaks == []
