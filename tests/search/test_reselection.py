"""What becomes of the candidates of a search that are trained again, without Ray."""

from __future__ import annotations

import math
from typing import Literal

import pytest

from pipeline.errors import DiskFull
from pipeline.search.candidates import plan
from pipeline.search.execution.messages import Message
from pipeline.search.reselection import Reselection
from pipeline.search.settings import Reselect
from pipeline.study.reruns import Reruns
from tests.search.driving import STUDY, Search, epoch


@pytest.fixture
def search(tmp_path: object) -> Search:
    return Search(tmp_path)  # type: ignore[arg-type]


@pytest.fixture
def begun(search: Search) -> tuple[Search, Reselection]:
    """A reselection of three trials with one seed, its first run handed out."""
    search.work(search.conductor(trials=3))
    planned = plan(search.snapshot(), Reselect(seeds=1), 0)
    reselection = Reselection(Reruns(search.url, STUDY), planned, "val_accuracy", search.ended_again.append)
    assert reselection.next() is not None
    return search, reselection


def test_a_rerun_is_committed_before_it_trains_and_each_epoch_as_it_arrives(begun: tuple[Search, Reselection]) -> None:
    search, reselection = begun
    (rerun,) = search.snapshot().reruns
    assert (rerun.run.state, rerun.run.epochs) == ("running", ())
    assert not reselection.heard(Message(rerun.run.key, [epoch(1, 0.5)]))
    assert not reselection.heard(Message(rerun.run.key, [epoch(1, 0.5)]))
    assert search.snapshot().reruns[0].run.epochs == (epoch(1, 0.5),)


@pytest.mark.parametrize(
    ("message", "state", "reason"),
    [
        (Message("", end="failed", reason="Traceback\nValueError: x"), "failed", "Traceback\nValueError: x"),
        (Message("", end="diverged", reason="diverged in epoch 1"), "diverged", "diverged in epoch 1"),
        (Message("", [epoch(1, 0.5, loss=math.inf)], outcomes=b"x"), "diverged", "val_loss is not finite after epoch 1"),
        (None, "failed", "its worker died"),
    ],
)
def test_a_rerun_may_end_badly_and_the_others_go_on(
    begun: tuple[Search, Reselection], message: Message | None, state: str, reason: str
) -> None:
    search, reselection = begun
    key = search.snapshot().reruns[0].run.key
    if message is None:
        reselection.lost(key, reason)
    else:
        assert reselection.heard(Message(key, message.epochs, message.end, message.reason, message.outcomes))
    (rerun,) = search.snapshot().reruns
    assert (rerun.run.state, rerun.run.reason, rerun.run.value) == (state, reason, None)
    assert [one.run.state for one in search.ended_again] == [state]
    assert len(reselection.left) == 2 and reselection.next() is not None


def test_a_full_disk_ends_it_and_the_run_waits(begun: tuple[Search, Reselection]) -> None:
    search, reselection = begun
    key = search.snapshot().reruns[0].run.key
    assert reselection.heard(Message(key, hindrance="disk full", reason="no space"))
    assert isinstance(reselection.failure, DiskFull) and reselection.next() is None
    reselection.close()
    assert search.snapshot().reruns[0].run.state == "interrupted"


@pytest.mark.parametrize(("state", "waits"), [("failed", True), ("out_of_memory", True), ("diverged", False)])
def test_what_failed_or_ran_out_of_memory_is_tried_again_by_the_next_process_and_goes_on_after_its_epochs(
    begun: tuple[Search, Reselection], state: Literal["failed", "out_of_memory", "diverged"], waits: bool
) -> None:
    search, reselection = begun
    key = search.snapshot().reruns[0].run.key
    reselection.heard(Message(key, [epoch(1, 0.5)]))
    reselection.heard(Message(key, end=state, reason="because"))
    assert key not in {rerun.run.key for rerun in reselection.left}, "not by the same process"
    reselection.close()
    again = Reselection(Reruns(search.url, STUDY), plan(search.snapshot(), Reselect(seeds=1), 0), "val_accuracy")
    assert (again.next().key == key, len(again.left)) == (waits, 2 + waits)  # type: ignore[union-attr]  # two wait anyway
    run = next(rerun.run for rerun in search.snapshot().reruns if rerun.run.key == key)
    if waits:
        again.heard(Message(key, [epoch(1, 0.5), epoch(2, 0.6)], outcomes=b"said"))
        assert (run.state, run.reason, run.ended_at) == ("running", "", None)
        run = next(rerun.run for rerun in search.snapshot().reruns if rerun.run.key == key)
        assert (run.state, run.value, run.epochs) == ("completed", 0.6, (epoch(1, 0.5), epoch(2, 0.6)))
    else:
        assert (run.state, run.reason) == ("diverged", "because")


def test_what_was_interrupted_and_is_wanted_no_more_is_dropped_and_taken_up_when_it_is_again(
    begun: tuple[Search, Reselection],
) -> None:
    search, reselection = begun
    reselection.close()
    planned, reruns = plan(search.snapshot(), Reselect(seeds=1), 0), Reruns(search.url, STUDY)
    Reselection(reruns, planned[1:], "val_accuracy").close()
    (dropped,) = search.snapshot().reruns
    assert dropped.run.state == "dropped" and "no longer among the candidates" in dropped.run.reason
    again = Reselection(reruns, planned, "val_accuracy")
    assert len(again.left) == 3 and again.next() is not None
    (taken_up,) = search.snapshot().reruns
    assert (taken_up.run.key, taken_up.run.state, taken_up.run.reason) == (dropped.run.key, "running", "")


def test_what_is_to_be_known_of_a_training_is_that_of_the_one_that_goes_on(begun: tuple[Search, Reselection]) -> None:
    search, reselection = begun
    key = search.snapshot().reruns[0].run.key
    for message, note in (
        (Message(key, [epoch(1, 0.5)], note="8 images at a time"), "8 images at a time"),
        (Message(key, [epoch(1, 0.5)]), ""),
        (Message(key, [epoch(2, 0.5)], note="4 images at a time"), "4 images at a time"),
        (Message(key, end="failed", reason="x"), "4 images at a time"),
    ):
        reselection.heard(message)
        assert search.snapshot().reruns[0].run.note == note


def test_messages_of_runs_that_are_not_live_are_refused(begun: tuple[Search, Reselection]) -> None:
    search, reselection = begun
    before = search.snapshot()
    assert reselection.heard(Message("00112233-0001-s9", [epoch(1, 0.5)]))
    assert search.snapshot() == before
