"""Folds hold whole units of train and val, and every class in even parts."""

from __future__ import annotations

import pytest

from pipeline.data.split.assign import divide
from pipeline.data.split.settings import SplitParams
from pipeline.errors import TooManyFolds
from tests.data.split.catalogs import digests, frame, free, given, made, sides

FIVE = SplitParams(folds=5)


def test_without_folds_the_column_is_empty() -> None:
    assert divide(frame(free(a=50, b=50)), SplitParams()).splits["fold"].isna().all()


def test_train_and_val_have_a_fold_and_test_has_none() -> None:
    splits = divide(frame(free(a=300, b=40)), FIVE).splits
    assert (splits["fold"].isna() == (splits["split"] == "test")).all()
    assert set(splits["fold"].dropna()) == set(range(5))


@pytest.mark.parametrize("count", [12, 31, 58])
def test_a_small_class_is_spread_evenly(count: int) -> None:
    splits = divide(frame(free(a=count, b=500)), FIVE).splits
    sizes = splits[splits["digest"].isin(digests("a", count))]["fold"].dropna().value_counts()
    assert sizes.max() - sizes.min() <= 1 and len(sizes) == 5


def test_a_large_class_is_spread_by_chance() -> None:
    sizes = divide(frame(free(a=3000, b=10)), FIVE).splits["fold"].value_counts(normalize=True)
    assert sizes.between(0.17, 0.23).all()


def test_a_group_is_in_one_fold_also_when_a_given_split_tears_it_apart() -> None:
    rows = given("train", a=60, b=60) + given("val", a=30, b=30) + given("test", a=5, b=5)
    groups = {digest: f"p{number % 30}" for number, (_, digest, _) in enumerate(rows)}
    splits = divide(frame(rows, groups), FIVE).splits
    assert splits.assign(group=splits["digest"].map(groups)).groupby("group")["fold"].nunique().max() == 1


def test_adding_images_changes_no_fold() -> None:
    first = divide(frame(free(a=40, b=400)), FIVE)
    second = divide(frame(free(a=90, b=700)), FIVE, earlier=made(first))
    before, after = (division.splits.set_index("digest")["fold"] for division in (first, second))
    assert (after[before.index].fillna(-1) == before.fillna(-1)).all()
    assert sides(second).keys() > sides(first).keys()


def test_more_folds_than_images_is_an_error_with_the_number() -> None:
    why = "4 images or groups in train and val leave 16 of them empty"
    with pytest.raises(TooManyFolds, match=rf"E321 20 folds at split\.folds — {why} — choose fewer"):
        divide(frame(free(a=3, b=3)), SplitParams(folds=20))


def test_no_fold_is_left_empty() -> None:
    """Two images of one class and three of another fill five folds only when they do not begin at the same one."""
    refused = 0
    for seed in range(20):
        try:
            splits = divide(frame(free(a=4, b=5)), SplitParams(seed=seed, folds=5)).splits
        except TooManyFolds as error:
            assert "images or groups in train and val leave" in str(error)
            refused += 1
        else:
            assert set(splits["fold"].dropna()) == set(range(5))
    assert 0 < refused < 20
