from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pandas as pd
import pytest
from pydantic import ValidationError

from pipeline.data.split.assign import SplitParams, assign, certificate, read_splits, to_bytes
from pipeline.errors import ClassTooSmall, Problems

PARAMS = SplitParams()
Row = tuple[str, str, str | None]  # label, digest, given split


def digests(name: str, count: int) -> list[str]:
    return [hashlib.sha256(f"{name}{number}".encode()).hexdigest() for number in range(count)]


def frame(rows: Sequence[Row]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["label", "digest", "split"])


def free(**counts: int) -> list[Row]:
    return [(label, digest, None) for label, count in counts.items() for digest in digests(label, count)]


def given(split: str, **counts: int) -> list[Row]:
    return [(label, digest, split) for label, count in counts.items() for digest in digests(split + label, count)]


def sides(rows: Sequence[Row], params: SplitParams = PARAMS) -> dict[str, str]:
    return dict(assign(frame(rows), params).itertuples(index=False))


def test_every_digest_gets_one_side_in_about_the_shares_asked_for() -> None:
    rows = free(a=1000, b=1000)
    splits = assign(frame(rows), SplitParams(val_share=0.2, test_share=0.1))
    assert splits["digest"].is_monotonic_increasing
    assert set(splits["digest"]) == {digest for _, digest, _ in rows}
    shares = splits["split"].value_counts(normalize=True)
    assert shares["val"] == pytest.approx(0.2, abs=0.03)
    assert shares["test"] == pytest.approx(0.1, abs=0.03)


def test_adding_images_and_classes_moves_none() -> None:
    before = sides(free(a=200, b=100))
    after = sides(free(a=400, b=130, c=90))
    assert {digest: after[digest] for digest in before} == before


def test_the_order_of_the_catalog_does_not_matter() -> None:
    rows = free(a=100, b=20)
    assert sides(rows[::-1]) == sides(rows)


def test_another_seed_is_another_split() -> None:
    assert sides(free(a=200, b=200), SplitParams(seed=1)) != sides(free(a=200, b=200))


def test_identical_pixels_never_part_also_under_two_labels() -> None:
    shared = digests("shared", 40)
    rows = free(a=100, b=30) + [(label, digest, None) for label in "ab" for digest in shared] + free(a=100)
    splits = assign(frame(rows), PARAMS)
    assert not splits["digest"].duplicated().any()
    assert certificate(frame(rows), splits, PARAMS)["digests_with_several_labels"] == 40


@pytest.mark.parametrize("count", [3, 4, 7, 20, 66])
def test_a_small_class_is_ranked_stands_on_every_side_and_is_named(count: int) -> None:
    rows = free(big=500, small=count)
    splits = assign(frame(rows), PARAMS)
    proof = certificate(frame(rows), splits, PARAMS)
    assert proof["ranked_classes"] == ["small"]
    assert proof["classes"]["small"]["val"] == proof["classes"]["small"]["test"] == max(1, int(0.15 * count + 0.5))


def test_large_shares_still_leave_a_small_class_on_every_side() -> None:
    rows = free(a=3, b=3)
    proof = certificate(frame(rows), assign(frame(rows), SplitParams(val_share=0.6, test_share=0.3)), PARAMS)
    assert proof["images"] == {"train": 2, "val": 2, "test": 2}


def test_a_class_smaller_than_the_number_of_splits_is_named_with_numbers() -> None:
    with pytest.raises(Problems) as caught:
        sides(free(a=2, b=100, c=1))
    assert [str(error).split(" — ")[:2] for error in caught.value.errors] == [
        ["E305 class 'a' is too small", "2 distinct images for 3 splits (train, val, test)"],
        ["E305 class 'c' is too small", "1 distinct images for 3 splits (train, val, test)"],
    ]


def test_given_splits_are_kept() -> None:
    rows = given("train", a=5, b=5) + given("val", a=1, b=1) + given("test", a=2, b=2)
    assert sides(rows) == {digest: split for _, digest, split in rows}


@pytest.mark.parametrize(("missing", "present"), [("val", "test"), ("test", "val")])
def test_a_split_that_is_not_given_comes_out_of_train(missing: str, present: str) -> None:
    rows = given("train", a=300, b=300) + given(present, a=50, b=50)
    found = sides(rows)
    assert all(found[digest] == present for _, digest, split in rows if split == present)
    train = [found[digest] for _, digest, split in rows if split == "train"]
    assert set(train) == {"train", missing}
    assert train.count(missing) / len(train) == pytest.approx(0.15, abs=0.04)


def test_given_splits_can_be_ignored() -> None:
    rows = given("train", a=100, b=100) + given("test", a=100, b=100)
    assert sides(rows, SplitParams(given="ignore")) == sides([(label, digest, None) for label, digest, _ in rows])


def test_pixels_given_on_two_sides_go_to_the_stricter_and_are_counted() -> None:
    rows = given("train", a=9, b=9) + given("val", a=3, b=3) + given("test", a=3, b=3)
    rows += [("a", rows[0][1], "test"), ("b", rows[12][1], "val")]
    found = sides(rows)
    assert (found[rows[0][1]], found[rows[12][1]]) == ("test", "val")
    assert certificate(frame(rows), assign(frame(rows), PARAMS), PARAMS)["shared_across_given_splits"] == 2


def test_a_class_without_a_train_image_is_an_error_and_one_without_a_test_image_is_named() -> None:
    rows = given("train", a=5, b=5) + given("val", a=1, b=1) + given("test", a=2)
    proof = certificate(frame(rows), assign(frame(rows), PARAMS), PARAMS)
    assert proof["absent_classes"] == {"train": [], "val": [], "test": ["b"]}
    with pytest.raises(ClassTooSmall, match="class 'c' is too small — 0 images of its own in train"):
        sides(rows + given("test", c=2))


def test_the_certificate_counts_images_and_distinct_pixels() -> None:
    rows = free(a=100, b=100)
    proof = certificate(frame(rows + rows[:5]), assign(frame(rows), PARAMS), PARAMS)
    assert sum(proof["images"].values()) == 205
    assert sum(proof["distinct"].values()) == 200
    assert proof["shares"] == {"val": 0.15, "test": 0.15}


def test_bytes_are_the_same_for_the_same_split_and_read_back() -> None:
    splits = assign(frame(free(a=50, b=50)), PARAMS)
    assert to_bytes(splits) == to_bytes(assign(frame(free(b=50, a=50)), PARAMS))
    pd.testing.assert_frame_equal(read_splits(to_bytes(splits)), splits)


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.9, 0.2), (0.0, 0.1), (1.0, 0.1)])
def test_shares_must_leave_something_to_train_on(shares: tuple[float, float]) -> None:
    with pytest.raises(ValidationError):
        SplitParams(val_share=shares[0], test_share=shares[1])
