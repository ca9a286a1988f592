"""Scores equal those of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics  # type: ignore[import-untyped]

from pipeline.training.scores import scores


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_scores_equal_scikit_learns(classes: int, seed: int) -> None:
    numbers = np.random.default_rng(seed)
    true = numbers.integers(0, classes, size=30)
    found = numbers.integers(0, max(2, classes - seed % 3), size=30)  # some classes never predicted
    labels = list(range(classes))
    score = scores(metrics.confusion_matrix(true, found, labels=labels))
    assert score.accuracy == pytest.approx(metrics.accuracy_score(true, found))
    for average, expected in (("macro", ("precision_macro", "recall_macro", "f1_macro")), (None, ("precision", "recall", "f1"))):
        theirs = metrics.precision_recall_fscore_support(true, found, labels=labels, average=average, zero_division=0)
        for name, value in zip(expected, theirs, strict=False):
            assert getattr(score, name) == pytest.approx(value)


def test_scores_of_nothing_are_zero() -> None:
    assert scores(np.zeros((3, 3), np.int64)).accuracy == 0.0
