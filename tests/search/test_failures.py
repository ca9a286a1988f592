from __future__ import annotations

import pytest

from pipeline.search.budget import Budget
from pipeline.search.failures import FAILURES_IN_A_ROW, Failures, none_finished
from pipeline.study.records import State, TrialRecord
from tests.tracking.studies import study


def ended(number: int, state: State, reason: str) -> TrialRecord:
    return TrialRecord(f"k{number}", number, state, {}, 0, None, reason, 0.0, 1.0, (), ())


@pytest.mark.parametrize(
    ("ends", "last"),
    [
        ([("failed", "Traceback\n  line 3\nValueError: x")] * 4, None),
        ([("failed", "Traceback\n  line 3\nValueError: x")] * 4 + [("failed", "Traceback\n  line 5\nValueError: x\n")], "k4"),
        ([("failed", "")] * 5, "k4"),
        ([("failed", f"ValueError: {number}") for number in range(8)], None),
        ([("failed", "x"), ("failed", "x"), ("completed", "")] * 3, None),
        ([("pruned", "x")] * 5, None),
        ([("completed", "")] + [("failed", "x")] * 5, "k5"),
    ],
)
def test_so_many_in_a_row_with_the_same_last_line_end_a_search(ends: list[tuple[State, str]], last: str | None) -> None:
    failures = Failures()
    found = [failures.add(ended(number, state, reason)) for number, (state, reason) in enumerate(ends)]
    assert next((failure.where for failure in found if failure is not None), None) == last


def test_the_text_of_the_failure_is_named() -> None:
    failures = Failures()
    *_, failure = (failures.add(ended(number, "failed", "Traceback\nValueError: x")) for number in range(FAILURES_IN_A_ROW))
    assert failure is not None and failure.why == "5 trials in a row: ValueError: x"


@pytest.mark.parametrize(
    ("states", "told"),
    [
        ([], "none was begun"),
        (["interrupted"], "1 interrupted"),
        (["diverged", "out_of_memory", "diverged"], "2 diverged, 1 out of memory"),
    ],
)
def test_where_no_trial_came_to_its_end_it_is_said_what_became_of_them(states: list[State], told: str) -> None:
    trials = [ended(number, state, "") for number, state in enumerate(states)]
    assert none_finished(study(*trials), Budget(trials=3)).why == f"no trial came to its end within its budget, 3 trials: {told}"
