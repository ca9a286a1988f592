from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from pipeline.search.execution.heartbeat import Heartbeat, Pulse, name
from pipeline.search.execution.messages import Assignment, TrialData
from pipeline.search.execution.trial import run_trial
from tests.search.driving import FIRST
from tests.training.samples import noise

SECONDS = 0.02  # between two that are told
NAME = name(FIRST, 0)


class Heard:
    """Whoever is told, and can wait for it."""

    def __init__(self) -> None:
        self.pulses: list[tuple[str, Pulse]] = []
        self._told = threading.Condition()

    def __call__(self, name: str, pulse: Pulse) -> None:
        with self._told:
            self.pulses.append((name, pulse))
            self._told.notify_all()

    def wait(self, count: int) -> list[tuple[str, Pulse]]:
        """All that was told once there are so many."""
        with self._told:
            assert self._told.wait_for(lambda: len(self.pulses) >= count, timeout=20)
            return list(self.pulses)


@pytest.fixture
def data() -> TrialData:
    train, recipe = noise(32)
    return TrialData(recipe, train, train)


@pytest.fixture
def assignment(tmp_path: Path) -> Assignment:
    small = {"model.num_conv_layers": 1, "model.filters": 2, "model.num_dense_layers": 0}
    return Assignment(FIRST, "cnn", {"train.epochs": 2, "train.batch_size": 8, **small}, 5, str(tmp_path), 1, "cpu")


def test_every_batch_that_is_trained_on_or_measured_counts(assignment: Assignment, data: TrialData) -> None:
    counts, beats = [], list[None]()
    for _ in run_trial(assignment, data, lambda: beats.append(None)):
        counts.append(len(beats))
        beats.clear()
    before, begin, trained, measured, kept = 2, 1, 4, 1, 1
    assert counts == [before + begin + trained + measured + kept, begin + trained + measured + kept]


def test_who_stands_still_goes_on_telling_but_counts_no_further_and_says_where(assignment: Assignment, data: TrialData) -> None:
    heard, over = Heard(), threading.Event()
    heartbeat = Heartbeat(heard, SECONDS)
    heartbeat.begin(NAME)

    def beat_and_hang() -> None:
        heartbeat.beat()
        over.wait()

    def train() -> None:
        with heartbeat.at_work():
            list(run_trial(assignment, data, beat_and_hang))

    thread = threading.Thread(target=train)
    thread.start()
    pulses = heard.wait(3)
    over.set()
    thread.join()
    assert {(trial, pulse.done) for trial, pulse in pulses[1:3]} == {(NAME, 1)}
    assert pulses[2][1].where.startswith("trial.py:") and pulses[2][1].where.endswith(" _epochs")
    assert Pulse.of_bytes(pulses[2][1].to_bytes()) == pulses[2][1]


def test_waiting_for_the_driver_is_neither_told_nor_taken_for_a_long_batch() -> None:
    heard = Heard()
    heartbeat = Heartbeat(heard, SECONDS)
    heartbeat.begin(NAME)
    with heartbeat.at_work():
        heartbeat.beat()
    told = len(heard.pulses)
    time.sleep(0.3)
    assert len(heard.pulses) <= told + 1
    with heartbeat.at_work():
        heartbeat.beat()
        pulses = heard.wait(told + 2)
    assert pulses[-1][1].longest_seconds < 0.3
