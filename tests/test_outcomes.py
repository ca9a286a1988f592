from __future__ import annotations

import numpy as np
import pytest

from pipeline.outcomes import SCORES, Outcomes, join
from pipeline.training.scores import scores


def outcomes(count: int = 40, classes: int = 3, seed: int = 0) -> Outcomes:
    numbers = np.random.default_rng(seed)
    probabilities = numbers.dirichlet(np.ones(classes), count).astype(np.float32)
    return Outcomes.of(numbers.integers(0, classes, count), probabilities)


def test_the_scores_are_those_of_the_confusion_matrix_and_the_loss_the_mean_over_images() -> None:
    some = outcomes()
    confusion = np.zeros((3, 3), np.int64)
    for actual, predicted in zip(some.actual, some.predicted, strict=True):
        confusion[actual, predicted] += 1
    assert [some.score(name, 3) for name in SCORES[:-1]] == [getattr(scores(confusion), name) for name in SCORES[:-1]]
    assert some.score("loss", 3) == pytest.approx(some.losses.mean())


def test_the_loss_of_a_hopeless_miss_is_finite() -> None:
    hopeless = Outcomes.of(np.array([1]), np.array([[1.0, 0.0]], np.float32))
    assert (hopeless.predicted.tolist(), 80 < hopeless.score("loss", 2) < 100) == ([0], True)


def test_bytes_bring_back_the_same_outcomes_also_of_many_classes() -> None:
    some = outcomes(classes=1000)
    again = Outcomes.from_bytes(some.to_bytes())
    for name in ("actual", "predicted", "losses"):
        np.testing.assert_array_equal(getattr(again, name), getattr(some, name), strict=True)


def test_parts_are_joined_in_order() -> None:
    one, two = outcomes(5), outcomes(7, seed=1)
    whole = join([one, two])
    assert len(whole) == 12 and whole.losses.tolist() == [*one.losses, *two.losses]
