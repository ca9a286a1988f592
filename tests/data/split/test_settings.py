from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.data.split.settings import SplitParams


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.9, 0.2), (0.0, 0.1), (1.0, 0.1)])
def test_shares_must_leave_something_to_train_on(shares: tuple[float, float]) -> None:
    with pytest.raises(ValidationError):
        SplitParams(val_share=shares[0], test_share=shares[1])


@pytest.mark.parametrize("folds", [1, -1, 21])
def test_folds_are_none_or_two_to_twenty(folds: int) -> None:
    with pytest.raises(ValidationError):
        SplitParams(folds=folds)


@pytest.mark.parametrize("value", [0, 0.0, 1.0, "on", True, -0.1])
def test_near_duplicates_are_auto_off_or_a_distance(value: Any) -> None:
    with pytest.raises(ValidationError):
        SplitParams(near_duplicates=value)
    assert [SplitParams(near_duplicates=good).near_duplicates for good in ("auto", "off", 0.25)] == ["auto", "off", 0.25]
