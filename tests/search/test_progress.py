from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.search.conductor import Conductor
from pipeline.search.execution.messages import Message
from pipeline.search.forecast import Work
from pipeline.search.outlook import Outlook
from pipeline.search.progress import Progress
from pipeline.search.standing import Ahead
from pipeline.study.records import TrialRecord
from tests.search.driving import FIRST, SECOND, SPACE, STUDY, Search, epoch

ONE_EPOCH = SPACE.replace("{type: int, low: 1, high: 9}", "1")


class Told:
    """A conductor whose trials take 30 s each, and the lines it prints."""

    def __init__(self, folder: Path, text: str = ONE_EPOCH, **budget: object) -> None:
        self.lines: list[str] = []
        self.search = Search(folder, text)
        outlook = Outlook(lambda trial: Work(1, 1.0), [(1, Work(1, 1.0))], self.search.clock)
        self.progress = Progress("val_accuracy", outlook, self.lines.append)
        self.conductor: Conductor = self.search.conductor(**budget)
        self.search.listener = lambda trial: self.progress.ended(self.conductor, trial)

    def trial(self, message: Message) -> str:
        """The line at the end of the next trial."""
        self.conductor.next()
        self.search.clock.now += 30
        self.conductor.heard(replace(message, epochs=[replace(metrics, seconds=30.0) for metrics in message.epochs]))
        return self.lines[-1]


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    yield Told(tmp_path, trials=10)


def test_a_line_tells_number_state_value_best_and_time_left(told: Told) -> None:
    line = told.trial(Message(FIRST, [epoch(1, 0.5)]))
    assert line == "trial   0  completed   val_accuracy 0.5000  best 0.5000 (trial 0)  1/10  about 5 min left"
    line = told.trial(Message(SECOND, [epoch(1, 0.25)]))
    assert line == "trial   1  completed   val_accuracy 0.2500  best 0.5000 (trial 0)  2/10  about 4 min left"


def test_a_trial_that_waits_is_told_with_what_it_reached(tmp_path: Path) -> None:
    told = Told(tmp_path, SPACE.replace("{type: int, low: 1, high: 9}", "4"), trials=10, stopping="asha")
    line = told.trial(Message(FIRST, [epoch(1, 0.5)]))
    assert line.startswith("trial   0  paused      val_accuracy 0.5000 after 1 of 4 epochs  no best yet  1/10")


def test_a_failed_trial_is_told_with_the_last_line_of_its_text(told: Told) -> None:
    line = told.trial(Message(FIRST, end="failed", reason=f"Traceback\n  …\nValueError: {'x' * 500}\n"))
    assert line.startswith("trial   0  failed      ValueError: xxx") and "no best yet" in line and len(line) < 160


def test_without_a_number_of_trials_the_time_limit_is_what_is_left(tmp_path: Path) -> None:
    told = Told(tmp_path, trials=None, time_limit_minutes=2)
    assert told.trial(Message(FIRST, [epoch(1, 0.5)])).endswith("(trial 0)  1  about 2 min left")
    assert told.trial(Message(SECOND, [epoch(1, 0.5)])).endswith("(trial 0)  2  about 60 s left")


def test_of_two_limits_the_nearer_one_counts(tmp_path: Path) -> None:
    told = Told(tmp_path, trials=10, time_limit_minutes=1)
    assert told.trial(Message(FIRST, [epoch(1, 0.5)])).endswith("1/10  about 30 s left")


def test_infeasible_points_are_told_and_not_counted(told: Told) -> None:
    trial = TrialRecord("k", 7, "infeasible", {"train.epochs": 1}, 0, None, "layer conv5: 0 pixels", 0.0, 0.0, (), ())
    told.progress.ended(told.conductor, trial)
    assert told.lines == ["trial   7  infeasible  layer conv5: 0 pixels  no best yet  0/10"]


def test_after_ten_trials_the_chance_of_a_better_one_is_told(tmp_path: Path) -> None:
    told = Told(tmp_path, trials=20)
    lines = [told.trial(Message(f"{STUDY[:8]}-{number:04d}", [epoch(1, 0.5 - number / 100)])) for number in range(10)]
    assert "a better one" not in lines[8]
    assert lines[9].endswith("10/20  about 5 min left  a better one: 25%")


def test_what_is_ahead_is_written_down_now_and_then(told: Told) -> None:
    heard: list[Ahead] = []
    told.progress._tell = heard.append
    told.trial(Message(FIRST, [epoch(1, 0.5)]))
    told.trial(Message(SECOND, [epoch(1, 0.25)]))
    assert [(ahead.trials, ahead.seconds_left) for ahead in heard] == [(10, 300.0)], (
        "twice within a second would be once too often"
    )
