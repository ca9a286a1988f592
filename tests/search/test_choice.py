"""One candidate is chosen, others are tied with it: on outcomes whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.search.choice import Contender, rank
from tests.search.reselecting import CLASSES, contender, said


def right(share: float, seed: int, count: int = 400) -> np.ndarray:
    """Right on each image with this probability."""
    return np.random.default_rng(seed).random(count) < share


def numbers(*contenders: Contender, metric: str = "val_accuracy") -> list[int]:
    return [candidate.trial_number for candidate in rank(contenders, metric, CLASSES, 0).candidates]


def test_the_best_mean_over_the_new_seeds_is_chosen_and_the_value_of_the_search_has_no_part_in_it() -> None:
    lucky = contender(0, said(right(0.7, 1)), said(right(0.7, 2)), search_value=0.99)
    good = contender(1, said(right(0.9, 3)), said(right(0.9, 4)), search_value=0.80)
    assert numbers(lucky, good) == [1, 0]
    first, second = rank([lucky, good], "val_accuracy", CLASSES, 0).candidates
    assert first.values == tuple(one.score("accuracy", CLASSES) for one in good.outcomes)
    assert (first.value, first.search_value) == (np.mean(first.values), 0.80)
    assert first.low < first.value < first.high and (first.behind_low, first.behind_high) == (0.0, 0.0)
    assert second.behind_low < first.value - second.value < second.behind_high


@pytest.mark.parametrize("metric", ["val_accuracy", "val_loss", "val_f1_macro", "val_precision_macro", "val_recall_macro"])
def test_whatever_the_metric_better_is_first(metric: str) -> None:
    some = [contender(number, said(right(share, number))) for number, share in enumerate((0.6, 0.9, 0.75))]
    assert numbers(*some, metric=metric) == [1, 2, 0]
    assert not any(one.tied for one in rank(some, metric, CLASSES, 0).candidates[1:])


def test_of_equal_means_the_smaller_network_comes_first_then_the_earlier_trial() -> None:
    same = said(right(0.8, 0))
    some = [contender(number, same, parameters=size) for number, size in ((4, 200), (7, 100), (2, 100))]
    assert numbers(*some) == [2, 7, 4]


def worse(right: np.ndarray, by: int) -> np.ndarray:
    """Wrong on so many images more."""
    found = right.copy()
    found[np.flatnonzero(right)[:by]] = False
    return found


def test_candidates_that_differ_by_a_few_images_are_tied_and_by_many_are_not() -> None:
    base = right(0.9, 0)
    some = [contender(number, said(worse(base, by))) for number, by in enumerate((0, 2, 20))]
    assert [(one.trial_number, one.tied) for one in rank(some, "val_accuracy", CLASSES, 0).candidates[1:]] == [
        (1, True),
        (2, False),
    ]


def test_seeds_that_disagree_tie_what_seeds_that_agree_tell_apart() -> None:
    base = right(0.9, 0)
    for of_each_seed, tied in (((20, 20), False), ((0, 40), True)):
        behind = contender(1, *(said(worse(base, by)) for by in of_each_seed))
        _, second = rank([contender(0, said(base), said(base)), behind], "val_accuracy", CLASSES, 0).candidates
        assert (second.value, second.tied) == (pytest.approx(base.mean() - 0.05), tied)


def test_equally_good_candidates_are_seldom_told_apart_and_the_optimism_of_choosing_one_is_about_what_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pipeline.bootstrap.TIMES", 250)
    truth, told, found, apart = 0.8, [], [], 0
    for study in range(50):
        five = [contender(n, *(said(right(truth, 5000 * study + 10 * n + s, 150)) for s in range(2))) for n in range(5)]
        ranking = rank(five, "val_accuracy", CLASSES, study)
        told.append(ranking.optimism)
        found.append(ranking.candidates[0].value - truth)
        apart += not rank(five[:2], "val_accuracy", CLASSES, study).candidates[1].tied
    assert apart <= 6  # of 50, for intervals of 95 %
    assert np.mean(found) == pytest.approx(0.027, abs=0.007)  # 1.16 standard errors of a mean over 300 images
    assert np.mean(told) == pytest.approx(np.mean(found), rel=0.25)


@pytest.mark.parametrize("metric", ["val_accuracy", "val_loss"])
def test_an_interval_stays_where_the_metric_can_be(metric: str) -> None:
    perfect, shaky = right(1.1, 0), right(0.6, 1)
    some = [contender(0, said(perfect), said(perfect)), contender(1, said(perfect), said(shaky))]
    for one in rank(some, metric, CLASSES, 0).candidates:
        assert 0.0 <= one.low < one.high and (metric == "val_loss" or one.high <= 1.0)


def test_the_same_outcomes_and_seed_give_the_same_ranking() -> None:
    some = [contender(n, said(right(0.8, n)), said(right(0.8, n + 9))) for n in range(3)]
    assert rank(some, "val_f1_macro", CLASSES, 5) == rank(some, "val_f1_macro", CLASSES, 5)
