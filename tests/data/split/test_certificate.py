"""The certificate says what is there, counted in the finished table."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from pipeline.data.duplicates.clusters import NearPairs
from pipeline.data.split import table
from pipeline.data.split.assign import divide
from pipeline.data.split.certificate import certify
from pipeline.data.split.settings import SplitParams
from tests.data.split.catalogs import PARAMS, Row, digests, frame, free, given, made, no_pairs, sides


def certified(rows: list[Row], params: SplitParams = PARAMS, **circumstances: dict[str, str]) -> dict[str, object]:
    images = frame(rows, circumstances.get("groups"))
    return certify(images, divide(images, params, circumstances.get("clusters")), params, no_pairs())


def test_it_counts_images_and_distinct_pixels() -> None:
    rows = free(a=100, b=100)
    proof = certified(rows + rows[:5])
    assert sum(proof["images"].values()) == 205
    assert sum(proof["distinct"].values()) == 200
    assert proof["shares"]["asked"] == {"val": 0.15, "test": 0.15}
    assert sum(proof["shares"]["got"].values()) == pytest.approx(1, abs=1e-5)
    assert proof["classes"]["a"]["train"] + proof["classes"]["b"]["train"] == proof["images"]["train"]
    assert sum(proof["distinct_by_class"]["a"].values()) == 100


def test_it_names_small_classes_and_those_that_a_side_lacks() -> None:
    assert certified(free(big=500, small=20))["ranked_classes"] == ["small"]
    proof = certified(given("train", a=5, b=5) + given("val", a=1, b=1) + given("test", a=2))
    assert proof["absent_classes"] == {"train": [], "val": [], "test": ["b"]}
    assert proof["given"] == ["test", "train", "val"]


def test_it_counts_pixels_under_several_labels() -> None:
    rows = free(a=100, b=30) + [(label, digest, None) for label in "ab" for digest in digests("shared", 40)]
    assert certified(rows)["digests_with_several_labels"] == 40


def test_it_holds_when_nothing_is_shared() -> None:
    clusters = dict.fromkeys(digests("a", 3), digests("a", 1)[0])
    groups = {digest: f"p{number % 50}" for number, digest in enumerate(digests("b", 200))}
    proof = certified(free(a=200, b=200), clusters=clusters, groups=groups)
    assert proof["shared"] == {"digests": 0, "groups": 0, "clusters": 0}
    assert (proof["holds"], proof["problems"]) == (True, [])
    assert proof["near_duplicates"]["largest"] == [{"medoid": digests("a", 1)[0], "size": 3}]
    assert proof["groups"]["groups"] == 50


def test_groups_that_became_one_are_named() -> None:
    rows = free(a=200, b=200)
    images = pd.concat([frame(rows, dict.fromkeys(digests("a", 2), "p")), frame([rows[0]], {rows[0][1]: "q"})])
    proof = certify(images, divide(images, PARAMS), PARAMS, no_pairs())
    assert proof["groups"]["united"] == [["p", "q"]]


@pytest.mark.parametrize(("on_leak", "apart"), [("report", 1), ("move", 0)])
def test_leaks_of_given_splits_are_counted_and_excused_only_when_reported(on_leak: str, apart: int) -> None:
    rows = given("train", a=9, b=9) + given("val", a=3, b=3) + given("test", a=3, b=3)
    clusters = dict.fromkeys([rows[0][1], digests("testa", 1)[0]], rows[0][1])
    proof = certified(rows, SplitParams(on_leak=on_leak), clusters=clusters)  # type: ignore[arg-type]
    assert proof["shared"]["clusters"] == apart == proof["leaks"]["reported"]["near-duplicates"]
    assert proof["leaks"]["moved"]["near-duplicates"] == 1 - apart
    assert proof["holds"]


def test_the_nearest_pairs_across_sides_are_shown_nearest_first() -> None:
    images = frame(free(a=100, b=100))
    division = divide(images, PARAMS)
    first, second = np.triu_indices(200, 1)
    distance = np.linspace(0.3, 0.5, len(first)).astype(np.float32)
    proof = certify(images, division, PARAMS, NearPairs(0.3001, 0.0, first, second, distance))
    shown = proof["near_duplicates"]["nearest_across"]
    assert len(shown) == 20
    assert [pair["distance"] for pair in shown] == sorted(pair["distance"] for pair in shown)
    for pair in shown:
        assert pair["sides"] == [sides(division)[pair["first"]], sides(division)[pair["second"]]]
        assert pair["sides"][0] != pair["sides"][1]
    assert 0 < proof["near_duplicates"]["pairs_apart"] < proof["near_duplicates"]["pairs_within_radius"]


def test_what_moved_since_the_split_before_is_said() -> None:
    rows = free(a=200, b=200)
    first = divide(frame(rows), PARAMS)
    trained, tested = (next(d for d in digests("a", 200) if sides(first)[d] == side) for side in ("train", "test"))
    images = frame(rows)
    second = divide(images, PARAMS, dict.fromkeys([trained, tested], trained), made(first))
    earlier = certify(images, second, PARAMS, no_pairs())["earlier"]
    assert (earlier["kept"], earlier["moved"]) == (399, 1)
    assert earlier["examples"] == [{"digests": (trained,), "sides": {"test": 1, "train": 1}, "side": "test"}]


def test_a_fold_without_an_image_is_counted_as_such() -> None:
    images, params = frame(free(a=100, b=100)), SplitParams(folds=3)
    division = divide(images, params)
    division.splits["fold"] = division.splits["fold"].replace(1, 2)
    counts = certify(images, division, params, no_pairs())["folds"]
    assert counts[1] == 0 and len(counts) == 3 and sum(counts) == (division.splits["split"] != "test").sum()


def test_the_same_split_has_the_same_certificate_and_another_has_another() -> None:
    rows = free(a=50, b=50)
    text = json.dumps(certified(rows), sort_keys=True)
    assert json.dumps(certified(rows[::-1]), sort_keys=True) == text
    assert certified(rows, SplitParams(seed=1))["digest"] != certified(rows)["digest"]


def test_the_digest_of_the_table_does_not_depend_on_how_it_is_stored() -> None:
    splits = divide(frame(free(a=50, b=50)), SplitParams(folds=3)).splits
    stored = table.read_splits(table.to_bytes(splits))
    pd.testing.assert_frame_equal(stored, splits)
    assert table.digest(stored) == table.digest(splits) == table.digest(splits.sample(frac=1, random_state=0))
    assert table.digest(splits.iloc[1:]) != table.digest(splits)
    assert table.to_bytes(splits) == table.to_bytes(divide(frame(free(b=50, a=50)), SplitParams(folds=3)).splits)
