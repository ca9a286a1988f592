from __future__ import annotations

from collections.abc import Collection, Mapping

import pytest

from pipeline.search.execution.hangs import Hangs
from pipeline.search.execution.heartbeat import Pulse, name
from tests.search.driving import FIRST, SECOND, Clock

LEAST, LOOK = 600.0, 10.0
NAMES = (name(FIRST, 0), name(SECOND, 3))


class Board:
    """What workers have said, and the looks of a driver at it."""

    def __init__(self) -> None:
        self.clock, self.pulses, self.away, self.reads = Clock(), dict[str, Pulse](), False, 0
        self.hangs = Hangs(LEAST, self.read, LOOK, self.clock)

    def read(self, names: Collection[str]) -> Mapping[str, Pulse] | None:
        self.reads += 1
        return None if self.away else {name: self.pulses[name] for name in names if name in self.pulses}

    def after(self, seconds: float, *names: str) -> list[str]:
        """What is said of these trials, if somebody looks whenever it is due."""
        said = []
        for _ in range(round(seconds / LOOK)):
            self.clock.now += LOOK
            assert self.hangs.due
            said += [str(hang) for hang in self.hangs.look(names)]
        return said


def test_who_does_no_batch_for_ten_minutes_hangs_and_is_said_once() -> None:
    board = Board()
    board.pulses = {NAMES[0]: Pulse(7, 0.2, "tensors.py:45 tensors")}
    assert board.after(600, *NAMES) == []
    assert board.after(30, *NAMES) == [f"got nowhere for 10 minutes{where}" for where in ("", ", in tensors.py:45 tensors")]
    assert board.after(590, NAMES[0]) == []


def test_a_slow_epoch_is_no_hang_as_long_as_batches_are_done() -> None:
    board, said = Board(), list[str]()
    for done in range(100):
        board.pulses[NAMES[0]] = Pulse(done, 100.0)
        said += board.after(120, NAMES[0])
    assert said == []


def test_what_is_too_long_follows_from_the_longest_batch_of_any_trial() -> None:
    board = Board()
    board.pulses[NAMES[1]] = Pulse(1, 90.0)
    assert board.after(1800, *NAMES) == []
    assert len(board.after(30, *NAMES)) == 2


def test_an_epoch_that_is_heard_of_starts_the_time_again_and_nobody_is_asked_for_the_others() -> None:
    board = Board()
    for _ in range(100):
        assert board.after(LOOK, NAMES[0]) == []
        board.hangs.heard(NAMES[0])
    assert board.reads == 0


@pytest.mark.parametrize("how", ["cluster away", "driver stopped"])
def test_time_in_which_nobody_could_look_does_not_count(how: str) -> None:
    board = Board()
    board.after(LOOK, *NAMES)
    if how == "cluster away":
        board.away = True
        assert board.after(2 * LEAST, *NAMES) == []
        board.away = False
    else:
        board.clock.now += 2 * LEAST
        assert board.hangs.look(NAMES) == []
    assert board.after(LEAST - 60, *NAMES) == []
    assert len(board.after(60, *NAMES)) == 2
