"""Every image gets one side: about the shares asked for, together with what belongs to it, and always the same."""

from __future__ import annotations

import pytest

from pipeline.data.split.assign import divide
from pipeline.data.split.earlier import Moved
from pipeline.data.split.settings import SplitParams
from pipeline.errors import ClassTooSmall, Problems
from tests.data.split.catalogs import PARAMS, digests, divided, frame, free, given, made, sides


def test_every_digest_gets_one_side_in_about_the_shares_asked_for() -> None:
    rows = free(a=1000, b=1000)
    splits = divide(frame(rows), SplitParams(val_share=0.2, test_share=0.1)).splits
    assert splits["digest"].is_monotonic_increasing
    assert set(splits["digest"]) == {digest for _, digest, _ in rows}
    shares = splits["split"].value_counts(normalize=True)
    assert shares["val"] == pytest.approx(0.2, abs=0.03)
    assert shares["test"] == pytest.approx(0.1, abs=0.03)


def test_adding_images_and_classes_moves_none() -> None:
    before = divided(free(a=200, b=100))
    after = divided(free(a=400, b=130, c=90))
    assert {digest: after[digest] for digest in before} == before


def test_the_order_of_the_catalog_does_not_matter() -> None:
    rows = free(a=100, b=20)
    assert divided(rows[::-1]) == divided(rows)


def test_another_seed_is_another_split() -> None:
    assert divided(free(a=200, b=200), SplitParams(seed=1)) != divided(free(a=200, b=200))


def test_identical_pixels_never_part_also_under_two_labels() -> None:
    rows = free(a=100, b=30) + [(label, digest, None) for label in "ab" for digest in digests("shared", 40)] + free(a=100)
    assert not divide(frame(rows), PARAMS).splits["digest"].duplicated().any()


@pytest.mark.parametrize("count", [3, 4, 7, 20, 66])
def test_a_small_class_is_ranked_stands_on_every_side_and_is_named(count: int) -> None:
    division = divide(frame(free(big=500, small=count)), PARAMS)
    assert division.ranked == ["small"]
    found = [sides(division)[digest] for digest in digests("small", count)]
    assert found.count("val") == found.count("test") == max(1, int(0.15 * count + 0.5))


def test_large_shares_still_leave_a_small_class_on_every_side() -> None:
    found = list(divided(free(a=3, b=3), SplitParams(val_share=0.6, test_share=0.3)).values())
    assert {name: found.count(name) for name in ("train", "val", "test")} == {"train": 2, "val": 2, "test": 2}


def test_a_class_smaller_than_the_number_of_splits_is_named_with_numbers() -> None:
    with pytest.raises(Problems) as caught:
        divided(free(a=2, b=100, c=1))
    assert [str(error).split(" — ")[:2] for error in caught.value.errors] == [
        ["E305 class 'a' is too small", "2 distinct images for 3 splits (train, val, test)"],
        ["E305 class 'c' is too small", "1 distinct images for 3 splits (train, val, test)"],
    ]


def test_a_class_of_too_few_groups_is_named_with_both_numbers() -> None:
    groups = {digest: f"patient {number % 2}" for number, digest in enumerate(digests("a", 30))}
    with pytest.raises(ClassTooSmall, match="30 distinct images in 2 groups that stay together for 3 splits"):
        divided(free(a=30, b=30), groups=groups)


def test_all_images_of_a_group_are_on_one_side_also_across_classes() -> None:
    rows = free(a=300, b=300)
    groups = {digest: f"patient {number % 40}" for number, (_, digest, _) in enumerate(rows)}
    found = divided(rows, groups=groups)
    for name in set(groups.values()):
        assert len({found[digest] for digest, group in groups.items() if group == name}) == 1
    counts = list(found.values())
    assert counts.count("test") / 600 == pytest.approx(0.15, abs=0.06)
    assert counts.count("val") / 600 == pytest.approx(0.15, abs=0.06)


def test_a_new_image_of_a_known_group_moves_none_of_it() -> None:
    groups = {digest: f"patient {number % 90}" for number, digest in enumerate(digests("a", 900))}
    before = divided(free(a=600), groups=groups)
    after = divided(free(a=900), groups=groups)
    assert {digest: after[digest] for digest in before} == before


@pytest.mark.parametrize("seed", range(6))
def test_groups_of_uneven_size_fill_a_ranked_class_by_images(seed: int) -> None:
    sizes = [50, *[3] * 14]
    names = [f"p{number}" for number, size in enumerate(sizes) for _ in range(size)]
    groups = dict(zip(digests("a", len(names)), names, strict=True))
    found = divided(free(a=len(names), b=200), SplitParams(seed=seed), groups)
    of_a = [found[digest] for digest in groups]
    assert of_a.count("val") == of_a.count("test") == 15  # of 92: the nearest that groups of three allow


def test_groups_too_large_for_a_side_still_give_it_the_smallest() -> None:
    names = [f"p{number}" for number, size in enumerate([40, 50, 60]) for _ in range(size)]
    found = divided(free(a=150, b=200), groups=dict(zip(digests("a", 150), names, strict=True)))
    of_a = [found[digest] for digest in digests("a", 150)]
    assert (of_a.count("val"), of_a.count("test"), of_a.count("train")) == (40, 50, 60)


def test_near_duplicates_are_on_one_side_and_name_their_medoid() -> None:
    rows = free(a=400, b=400)
    clusters = {digest: digests("a", 400)[number // 4 * 4] for number, digest in enumerate(digests("a", 400))}
    splits = divide(frame(rows), PARAMS, clusters).splits
    assert splits.groupby("cluster")["split"].nunique().max() == 1
    assert splits["cluster"].nunique() == 500
    assert (splits["cluster"][~splits["digest"].isin(clusters)] == splits["digest"][~splits["digest"].isin(clusters)]).all()


def test_given_splits_are_kept() -> None:
    rows = given("train", a=5, b=5) + given("val", a=1, b=1) + given("test", a=2, b=2)
    assert divided(rows) == {digest: split for _, digest, split in rows}


@pytest.mark.parametrize(("missing", "present"), [("val", "test"), ("test", "val")])
def test_a_split_that_is_not_given_comes_out_of_train(missing: str, present: str) -> None:
    rows = given("train", a=300, b=300) + given(present, a=50, b=50)
    found = divided(rows)
    assert all(found[digest] == present for _, digest, split in rows if split == present)
    train = [found[digest] for _, digest, split in rows if split == "train"]
    assert set(train) == {"train", missing}
    assert train.count(missing) / len(train) == pytest.approx(0.15, abs=0.04)


def test_given_splits_can_be_ignored() -> None:
    rows = given("train", a=100, b=100) + given("test", a=100, b=100)
    assert divided(rows, SplitParams(given="ignore")) == divided([(label, digest, None) for label, digest, _ in rows])


def test_a_class_without_a_train_image_is_an_error() -> None:
    rows = given("train", a=5, b=5) + given("val", a=1, b=1) + given("test", a=2, c=2)
    with pytest.raises(ClassTooSmall, match="class 'c' is too small — 0 images of its own in train"):
        divided(rows)


def test_images_keep_the_side_of_the_split_before_when_a_near_duplicate_joins_them() -> None:
    """Its name may sort before theirs, and then a side drawn from names alone would change."""
    rows = free(a=200, b=200)
    first = divide(frame(rows), PARAMS)
    new = [("a", f"0{number:063x}", None) for number in range(200)]
    clusters = {digest: old for (_, digest, _), old in zip(new, digests("a", 200), strict=True)}
    clusters |= {old: old for old in digests("a", 200)}
    second = divide(frame(rows + new), PARAMS, clusters, made(first))
    assert {digest: sides(second)[digest] for digest in sides(first)} == sides(first)
    assert all(sides(second)[new] == sides(second)[old] for new, old in clusters.items())
    assert second.moved == [] and second.kept == 400


def test_an_image_that_joins_two_sides_moves_them_to_the_strictest_and_that_is_said() -> None:
    rows = free(a=200, b=200)
    first = divide(frame(rows), PARAMS)
    trained, tested = (next(d for d in digests("a", 200) if sides(first)[d] == side) for side in ("train", "test"))
    link = digests("link", 1)[0]
    clusters = dict.fromkeys([trained, tested, link], link)
    second = divide(frame([*rows, ("a", link, None)]), PARAMS, clusters, made(first))
    assert {sides(second)[digest] for digest in clusters} == {"test"}
    assert second.moved == [Moved((trained,), {"test": 1, "train": 1}, "test")]
    moved = {digest for digest, side in sides(first).items() if sides(second)[digest] != side}
    assert moved == {trained}


def test_an_image_that_the_source_gives_another_side_than_before_is_said_to_move() -> None:
    rows = given("train", a=20, b=20) + given("val", a=5, b=5) + given("test", a=5, b=5)
    first = divide(frame(rows), PARAMS)
    label, digest, _ = rows[0]
    second = divide(frame([(label, digest, "test"), *rows[1:]]), PARAMS, earlier=made(first))
    assert second.moved == [Moved((digest,), {"train": 1}, "test")]
    assert second.kept == len(rows) - 1


def test_an_image_that_joins_a_given_test_image_is_said_to_move() -> None:
    rows = free(a=20, b=20) + given("val", a=5, b=5) + given("test", a=5, b=5)
    first = divide(frame(rows), PARAMS)
    second = divide(frame(rows), PARAMS, dict.fromkeys([rows[0][1], rows[-1][1]], rows[0][1]), made(first))
    assert second.moved == [Moved((rows[0][1],), {"test": 1, "train": 1}, "test")]


def test_a_class_that_grows_out_of_the_ranking_keeps_its_sides() -> None:
    first = divide(frame(free(a=30, b=200)), PARAMS)
    second = divide(frame(free(a=90, b=200)), PARAMS, earlier=made(first))
    assert (first.ranked, second.ranked) == (["a"], [])
    assert {digest: sides(second)[digest] for digest in sides(first)} == sides(first)


def test_new_images_of_a_ranked_class_fill_its_sides() -> None:
    first = divide(frame(free(a=20, b=200)), PARAMS)
    second = divide(frame(free(a=40, b=200)), PARAMS, earlier=made(first))
    found = [sides(second)[digest] for digest in digests("a", 40)]
    assert found.count("val") == found.count("test") == 6
    assert {digest: sides(second)[digest] for digest in sides(first)} == sides(first)
