from __future__ import annotations

import math
from dataclasses import replace

import pytest

from pipeline.search.verdict import not_finite, verdict
from pipeline.study.records import Outcome, TrialRecord
from pipeline.training.metrics import EpochMetrics
from tests.search.driving import epoch

TRIAL = TrialRecord("k", 0, "running", {"train.epochs": 3}, 0, None, "", 0.0, None, (), ())
GOOD = [epoch(1, 0.5), epoch(2, 0.9), epoch(3, 0.6)]
UNSTOPPED = Outcome("completed", value=0.6)


@pytest.mark.parametrize(
    ("epochs", "stopped_by", "ends"),
    [
        ([], "asha", None),  # what was put aside before its first epoch goes on
        (GOOD[:2], "", None),
        (GOOD[:2], "asha", Outcome("pruned", "stopped by asha after 2 of 3 epochs")),
        (GOOD, "", UNSTOPPED),
        (GOOD, "asha", UNSTOPPED),
        ([GOOD[0], epoch(2, math.nan)], "asha", Outcome("diverged", "val_accuracy is not finite after epoch 2")),
        ([*GOOD[:2], epoch(3, 0.6, loss=math.inf)], "", Outcome("diverged", "val_loss is not finite after epoch 3")),
    ],
)
def test_numbers_that_are_not_finite_end_a_trial_before_its_plan_and_its_plan_before_the_rule(
    epochs: list[EpochMetrics], stopped_by: str, ends: Outcome | None
) -> None:
    assert verdict(replace(TRIAL, epochs=tuple(epochs)), "val_accuracy", stopped_by) == ends


def test_what_the_database_gives_back_for_nan_is_not_finite() -> None:
    assert not_finite(replace(GOOD[0], val_f1_macro=None)) == "val_f1_macro"
    assert not_finite(GOOD[0]) == ""
