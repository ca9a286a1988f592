from __future__ import annotations

from typing import Any

import pytest

from pipeline.report.scores import lines, page
from tests.projects import WINNER

SELECTION: dict[str, Any] = WINNER["selection"]  # type: ignore[assignment]
TEST: dict[str, Any] = {"n": 30, "confidence": 0.9, "test_accuracy_bootstrap_low": 0.8, "test_accuracy_bootstrap_high": 0.95}
for name, value in (("accuracy", 0.9), ("precision_macro", 0.91), ("recall_macro", 0.92), ("f1_macro", 0.93), ("loss", 0.25)):
    TEST |= {f"test_{name}": value, f"test_{name}_low": value - 0.1, f"test_{name}_high": value + 0.05}


def test_a_line_shows_each_score_with_its_interval_and_the_searchs_with_what_new_seeds_made_of_it() -> None:
    assert lines(SELECTION, TEST) == [
        "search: val_accuracy 1.0000 (trial 5, the best of 7 completed), with new seeds 0.8750",
        "reselection: val_accuracy 0.9375 (95% interval 0.8542–1.0000), trial 3 with 2 new seeds, tied with: 5",
        "test accuracy: 0.9000 (90% interval 0.8000–0.9500, n = 30)",
    ]


def test_before_the_test_split_was_opened_nothing_is_said_of_it() -> None:
    assert not any("test" in line for line in lines(SELECTION))


def test_without_a_reselection_the_searchs_score_is_called_what_it_is() -> None:
    alone = {**SELECTION, "reselection": None}
    assert "nothing was trained again" in lines(alone)[0] and "nothing was trained again" in page(alone, TEST).lower()
    assert "## The candidates" not in page(alone, TEST)


def test_a_trial_that_was_named_is_not_called_the_best() -> None:
    named = {**SELECTION, "chosen_trial": 5, "reselection": None, "named": True}
    assert lines(named)[0].startswith("search: val_accuracy 1.0000 (trial 5, named by hand, one of 7 completed), optimistic by")
    assert "| Search | trial 5, named by hand, one of 7 completed, on val | 1.0000 | none |" in page(named, TEST)


def test_where_none_had_come_to_its_end_the_searchs_score_is_that_of_a_part() -> None:
    begun = {**SELECTION, "search": {**SELECTION["search"], "completed_trials": 0}}
    assert lines(begun)[0].startswith("search: val_accuracy 1.0000 (trial 5 where it stood, as none had come to its end), with")


@pytest.mark.parametrize(("search", "told"), [(0.05, "0.2000 too good"), (0.4, "0.1500 too modest")])
def test_of_a_loss_less_is_better(search: float, told: str) -> None:
    of_loss = {**SELECTION, "metric": "val_loss", "search": {**SELECTION["search"], "value": search}}
    assert f"held against the test split the search's score was {told}." in page(of_loss, TEST).lower()
    assert f"with new seeds {search + 0.125:.4f}" in lines(of_loss)[0]
    assert [line for line in lines(of_loss, TEST) if line.startswith("test loss: 0.2500")]


def test_the_page_has_the_three_scores_the_candidates_and_every_metric() -> None:
    text = page(SELECTION, TEST)
    assert "Trial 5, trained again: 16 images at a time." in text
    assert "| Search | trial 5, the best of 7 completed, on val | 1.0000 | none |" in text
    assert "| Reselection | trial 3 with 2 new seeds, on val (24 images) | 0.9375 | 0.8542–1.0000 |" in text
    assert "| Test | trial 3 refitted, on the sealed test split (30 images) | 0.9000 | 0.8000–0.9500 |" in text
    assert "| 3 | 0.9600 | 0.9375, 0.9375 | 0.9375 | 0.8375–1.0000 | chosen | 500 |" in text
    assert "| 5 | 1.0000 | 0.8750, 0.8750 | 0.8750 | 0.7750–1.0000 | -0.0500 to 0.1500: tied | 500 |" in text
    assert "- With new seeds the search's best has 0.8750: its score was 0.1250 too good." in text
    assert "- The reselection's score is, as the best of 2, about 0.0125 too good." in text
    assert "- Held against the test split the search's score was 0.1000 too good." in text
    assert "Trial 6 could not be chosen: diverged with seed 1." in text
    assert "| f1_macro | 0.9300 | 0.8300–0.9800 |" in text and "0.8000–0.9500. Those of the other" in text
