"""Two networks on the same images: the exact test against arithmetic, the interval against repetition, the table as written."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline import bootstrap
from pipeline.outcomes import Outcomes
from pipeline.paired import compare, images_digest, outcomes, read_predictions


def of(right: list[bool] | np.ndarray, actual: np.ndarray | None = None) -> Outcomes:
    """Two classes; right or wrong as told."""
    actual = np.arange(len(right)) % 2 if actual is None else actual
    return Outcomes(actual, np.where(right, actual, 1 - actual), np.zeros(len(right), np.float32))


# Of 20 images: right by the first alone, by the second alone → two-sided p = 2 · P(X ≤ smaller), X binomial(n, ½), at most 1.
@pytest.mark.parametrize(
    ("first", "second", "p_value"), [(0, 0, 1.0), (1, 0, 1.0), (4, 0, 2 / 16), (5, 0, 2 / 32), (2, 2, 1.0), (1, 6, 2 * 8 / 128)]
)
def test_only_images_on_which_they_disagree_count(first: int, second: int, p_value: float) -> None:
    one, other = np.ones(20, bool), np.ones(20, bool)
    other[:first] = False
    one[first : first + second] = False
    found = compare(of(one), of(other), 2, 0.95)
    assert (found.only_first, found.only_second, found.n) == (first, second, 20)
    assert found.p_value == pytest.approx(p_value)
    assert found.difference == pytest.approx(found.first - found.second) == (first - second) / 20
    assert found.low <= found.difference <= found.high
    back = compare(of(other), of(one), 2, 0.95)
    assert (back.difference, back.p_value) == (-found.difference, found.p_value)


def test_the_interval_covers_the_true_difference_about_as_often_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "TIMES", 400)
    actual, covered = np.repeat([0, 1], 150), 0
    for seed in range(100):
        chance = np.random.default_rng(seed)
        hard = chance.random(300)  # shared by both, so the two are alike on an image
        one, other = hard < 0.9, hard < 0.84
        flips = chance.random((2, 300)) < 0.05
        found = compare(of(one ^ flips[0], actual), of(other ^ flips[1], actual), 2, 0.9)
        covered += found.low <= 0.06 * 0.9 <= found.high
    assert 82 <= covered <= 97


CSV = "digest,actual,predicted,p_NA,p_1\nb,1,1,0.25,0.75\na,NA,1,0.4,0.6\n"


def test_stored_predictions_are_read_by_digest_and_classes_stay_text() -> None:
    table = read_predictions(CSV.encode())
    assert list(table.index) == ["a", "b"] and list(table["actual"]) == ["NA", "1"]
    found = outcomes(table, ["NA", "1"])
    assert (found.actual.tolist(), found.predicted.tolist()) == ([0, 1], [1, 1])


def test_test_images_are_the_same_whatever_is_predicted_of_them_and_in_whatever_order() -> None:
    table = read_predictions(CSV.encode())
    same = pd.concat([table.iloc[1:], table.iloc[:1]]).assign(predicted="NA").reset_index()
    assert images_digest(read_predictions(same.to_csv(index=False).encode())) == images_digest(table)
    for other in (table.iloc[1:], table.assign(actual="1"), table.rename({"a": "c"})):
        assert images_digest(other) != images_digest(table)
