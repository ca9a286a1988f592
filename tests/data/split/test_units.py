"""Units are the connected parts of what shares a group or a cluster."""

from __future__ import annotations

import pandas as pd

from pipeline.data.split.units import form


def images(*rows: tuple[str, str, str | None]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["label", "digest", "group"])


def test_images_without_ties_are_units_of_their_own() -> None:
    units = form(images(("a", "2", None), ("b", "1", None)), {})
    assert [(unit.digests, unit.label, unit.key) for unit in units] == [(("1",), "b", "1"), (("2",), "a", "2")]


def test_groups_that_share_an_image_or_a_cluster_are_one_unit() -> None:
    table = images(("a", "1", "p"), ("a", "2", "p"), ("a", "2", "q"), ("a", "3", "q"), ("a", "4", "r"), ("a", "5", "s"))
    units = form(table, {"3": "3", "4": "3"})
    assert [(unit.digests, unit.groups) for unit in units] == [(("1", "2", "3", "4"), ("p", "q", "r")), (("5",), ("s",))]


def test_a_group_is_no_cluster_of_the_same_name() -> None:
    units = form(images(("a", "1", "x"), ("a", "2", None), ("a", "x", None)), {"2": "x", "x": "x"})
    assert [unit.digests for unit in units] == [("1",), ("2", "x")]


def test_the_key_of_a_group_does_not_depend_on_its_images() -> None:
    small = form(images(("a", "5", "p")), {})[0]
    large = form(images(("a", "5", "p"), ("a", "1", "p"), ("a", "0", "q"), ("a", "1", "q")), {})[0]
    assert small.key == large.key
    assert small.key != form(images(("a", "5", "q")), {})[0].key


def test_the_class_of_a_unit_is_that_of_most_of_its_images_and_then_the_first_by_name() -> None:
    table = images(("b", "1", "p"), ("c", "2", "p"), ("c", "3", "p"), ("b", "4", "q"), ("a", "5", "q"), ("z", "4", "q"))
    assert [unit.label for unit in form(table, {})] == ["c", "a"]


def test_a_catalog_without_groups_has_none() -> None:
    assert form(pd.DataFrame({"label": ["a"], "digest": ["1"]}), {})[0].groups == ()
