from __future__ import annotations

import math
from pathlib import Path

from pipeline.search.regret import LEAST_TRIALS, regret_bound
from pipeline.study.records import TrialRecord
from tests.search.driving import Search, space


def test_a_search_ends_when_little_is_to_be_gained_and_a_restart_agrees(tmp_path: Path) -> None:
    search = Search(tmp_path)
    conductor = search.conductor(trials=200, until="regret_bound", regret_bound=0.9)
    search.work(conductor)
    assert conductor.spent is not None and conductor.spent.key == "until"
    assert conductor.used.trials == LEAST_TRIALS and conductor.used.regret > 0
    again = search.conductor(trials=200, until="regret_bound", regret_bound=0.9)
    assert again.exhausted() and again.used.regret == conductor.used.regret


def test_the_bound_is_infinite_while_little_is_known_and_falls_as_a_search_closes_in(tmp_path: Path) -> None:
    searched = space(tmp_path)
    trials = [_trial(number, rate) for number, rate in enumerate([1e-4, 1e-1, 1e-3, 3e-2] * 5 + [9e-3, 1e-2, 1.1e-2] * 7)]
    few, some, all_of_them = (regret_bound(searched, trials[:count], "maximize", 0) for count in (19, 20, 41))
    assert few == math.inf > some > all_of_them > 0


def _trial(number: int, rate: float) -> TrialRecord:
    """One whose value follows from its learning rate."""
    point = {"train.epochs": 1 + number % 9, "train.learning_rate": rate, "model.num_conv_layers": 1 + number % 8}
    value = 0.9 - abs(math.log10(rate) + 2) / 4
    return TrialRecord(f"k-{number:04d}", number, "completed", point, 0, value, "", 0.0, 1.0, (), ())
