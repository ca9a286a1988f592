"""Intervals of resampled scores: against the textbook where there is one, against repetition where the truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from pipeline import bootstrap
from pipeline.outcomes import SCORES, Outcomes

CLASSES = 4


def outcomes(seed: int, *, right: float = 0.8, count: int = 200, labels: npt.NDArray[np.int64] | None = None) -> Outcomes:
    """A network that is right with this probability and else guesses."""
    numbers = np.random.default_rng(seed)
    actual = numbers.integers(0, CLASSES, count) if labels is None else labels
    guesses = numbers.integers(0, CLASSES, len(actual))
    predicted = np.where(numbers.random(len(actual)) < right, actual, guesses)
    return Outcomes(actual, predicted, numbers.exponential(0.5, len(actual)).astype(np.float32))


def test_each_draw_has_every_class_as_often_as_the_images_do_and_scores_as_the_drawn_images_would() -> None:
    some = outcomes(0, count=30)
    order = np.argsort(some.actual, kind="stable")
    ordered = Outcomes(some.actual[order], some.predicted[order], some.losses[order])
    drawn = next(bootstrap._draws(ordered.actual, 7))
    rows = np.repeat(np.arange(30), drawn[5])
    again = Outcomes(ordered.actual[rows], ordered.predicted[rows], ordered.losses[rows])
    assert np.bincount(again.actual).tolist() == np.bincount(some.actual).tolist()
    found = bootstrap.resample([some], SCORES, CLASSES, 7)
    for name in SCORES:
        assert found[name][5, 0] == pytest.approx(again.score(name, CLASSES))


def test_the_interval_of_a_mean_is_that_of_the_textbook() -> None:
    some = replace(outcomes(1, count=400), actual=np.zeros(400, np.int64))
    low, high = bootstrap.interval(bootstrap.resample([some], ["loss"], CLASSES, 0)["loss"][:, 0], 0.9)
    expected = stats.t.interval(0.9, 399, some.losses.mean(), stats.sem(some.losses))
    assert (low, high) == pytest.approx(expected, rel=0.01)


def test_an_interval_covers_the_truth_about_as_often_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "TIMES", 400)
    labels = np.repeat(np.arange(CLASSES), 60)
    truth = 0.8 + 0.2 / CLASSES
    covered = 0
    for seed in range(100):
        values = bootstrap.resample([outcomes(seed, labels=labels)], ["accuracy"], CLASSES, seed)["accuracy"]
        low, high = bootstrap.interval(values[:, 0], 0.9)
        covered += low <= truth <= high
    assert 82 <= covered <= 97  # 90 of 100, give or take 2.6 standard deviations


def test_networks_measured_on_the_same_images_share_the_draw_so_that_equal_ones_never_differ() -> None:
    one = outcomes(0)
    found = bootstrap.resample([one, one, outcomes(1, labels=one.actual)], SCORES, CLASSES, 0)
    for name in SCORES:
        np.testing.assert_array_equal(found[name][:, 0], found[name][:, 1])
        assert (found[name][:, 0] != found[name][:, 2]).any()


def test_many_images_are_drawn_a_part_at_a_time_and_the_same_seed_draws_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    some = outcomes(0)
    before = bootstrap.resample([some], SCORES, CLASSES, 3)
    monkeypatch.setattr(bootstrap, "_NUMBERS_AT_ONCE", 1000)
    after = bootstrap.resample([some], SCORES, CLASSES, 3)
    for name in SCORES:
        assert len(after[name]) == bootstrap.TIMES
        np.testing.assert_allclose(before[name], after[name])


def test_outcomes_of_different_images_are_never_compared() -> None:
    with pytest.raises(AssertionError, match="different images"):
        bootstrap.resample([outcomes(0), outcomes(1)], ["accuracy"], CLASSES, 0)
