from __future__ import annotations

import faulthandler
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from pipeline.search.interruption import EXIT_CODES, Asked, interruptible, take_back_signals
from pipeline.search.orphan import Process

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_asks_for_the_end_instead_of_ending_at_once(number: signal.Signals) -> None:
    reasons: list[str] = []
    with interruptible(reasons.append, []):
        os.kill(os.getpid(), number)
        assert reasons == [number.name]
    assert EXIT_CODES[number.name] == 128 + number


def test_an_alarm_that_another_handler_set_does_not_end_the_process_meanwhile() -> None:
    with interruptible(lambda reason: None, []):
        signal.alarm(30)
        os.kill(os.getpid(), signal.SIGTERM)
        assert signal.alarm(0) == 0


def test_handlers_that_another_library_put_before_ours_are_put_behind(tmp_path: Path) -> None:
    reasons: list[str] = []
    with interruptible(reasons.append, []), (tmp_path / "stacks").open("w") as file:
        faulthandler.register(signal.SIGTERM, file)  # as Ray does, behind Python's back
        os.kill(os.getpid(), signal.SIGTERM)
        assert reasons == []
        take_back_signals()
        os.kill(os.getpid(), signal.SIGTERM)
        assert reasons == ["SIGTERM"]
        faulthandler.unregister(signal.SIGTERM)


def test_a_second_ctrl_c_acts_as_usual() -> None:
    reasons: list[str] = []
    with pytest.raises(KeyboardInterrupt), interruptible(reasons.append, []):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
    assert reasons == ["SIGINT"]


def test_afterwards_signals_are_handled_as_before() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with interruptible(lambda reason: None, []):
        os.kill(os.getpid(), signal.SIGINT)
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_a_signal_that_nohup_ignores_stays_ignored() -> None:
    reasons: list[str] = []
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible(reasons.append, []):
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert reasons == []


def test_the_end_of_a_watched_process_asks_for_the_end_within_seconds() -> None:
    reasons: list[str] = []
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with child, interruptible(reasons.append, [Process(child.pid, psutil.Process(child.pid).create_time())]):
        child.kill()
        deadline = time.monotonic() + 5
        while not reasons and time.monotonic() < deadline:
            time.sleep(0.05)
    assert reasons == ["parent gone"]
    assert EXIT_CODES["parent gone"] == 143


def test_what_was_asked_before_there_was_anyone_to_tell_is_passed_on() -> None:
    asked, reasons = Asked(), list[str]()
    asked.stop("SIGTERM")
    asked.tell(reasons.append)
    asked.stop("parent gone")
    assert reasons == ["SIGTERM", "parent gone"]
    asked.tell(reasons.append)
    assert reasons[2:] == ["SIGTERM"]  # the first reason counts
