from __future__ import annotations

import numpy as np
import pytest

from pipeline.calibration import bins, expected_error


def said(*sure: float) -> np.ndarray:
    """Probabilities of two classes: so sure of the first."""
    first = np.array(sure, dtype=np.float32)
    return np.stack([first, 1 - first], axis=1)


def test_a_bin_holds_its_upper_edge_and_empty_ones_are_left_out() -> None:
    found = bins(said(0.5, 0.51, 0.59, 1.0), np.array([0, 1, 0, 0]))
    assert [(one.count, one.right) for one in found] == [(1, 1), (2, 1), (1, 1)]
    assert [(one.low, one.high) for one in found] == [(0.4, 0.5), (0.5, 0.6), (0.9, 1.0)]
    assert found[1].confidence == pytest.approx(0.55) and found[1].accuracy == 0.5


def test_who_keeps_its_word_has_no_error_and_who_is_too_sure_has_the_difference() -> None:
    labels = np.array([0, 0, 0, 1])
    assert expected_error(bins(said(0.75, 0.75, 0.75, 0.75), labels)) == pytest.approx(0.0)
    assert expected_error(bins(said(0.95, 0.95, 0.95, 0.95), labels)) == pytest.approx(0.2)


def test_the_error_is_a_mean_over_images_not_over_bins() -> None:
    found = bins(said(*[1.0] * 9, 0.65), np.array([0] * 9 + [1]))
    assert expected_error(found) == pytest.approx(0.1 * 0.65)
