"""A driver that waits for ever is ended, with where it stood; one that computes, or whose output is paused, is let be."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.search.watchdog import Watchdog
from tests import repository
from tests.search.driving import Search

QUIET, LOOK = 0.3, 0.05
DRIVER = "tests.search.stuck_driver"


def told(act: Callable[[Watchdog], object]) -> list[str]:
    """Where the thread stood that did this, if it was taken for stuck."""
    said: list[str] = []
    with Watchdog(said.append, QUIET, LOOK) as watchdog:
        act(watchdog)
    return said


def wait(watchdog: Watchdog) -> None:
    time.sleep(3 * QUIET)


def compute(watchdog: Watchdog) -> None:
    end = time.monotonic() + 3 * QUIET
    while time.monotonic() < end:
        sum(range(1000))


def take_turns(watchdog: Watchdog) -> None:
    for _ in range(30):
        time.sleep(0.1 * QUIET)
        watchdog.tick()


@pytest.mark.parametrize(("act", "stuck"), [(wait, True), (compute, False), (take_turns, False)])
def test_who_neither_takes_a_turn_nor_computes_is_stuck_and_that_is_told_once(
    act: Callable[[Watchdog], object], stuck: bool
) -> None:
    assert len(told(act)) == stuck


def test_after_the_block_nobody_is_watched() -> None:
    said = told(lambda watchdog: None)
    time.sleep(2 * QUIET)
    assert said == []


def test_another_thread_that_computes_is_no_excuse() -> None:
    over = threading.Event()

    def busy() -> None:
        while not over.is_set():
            sum(range(1000))

    thread = threading.Thread(target=busy)
    thread.start()
    with contextlib.ExitStack() as ended:
        ended.callback(thread.join)
        ended.callback(over.set)
        assert len(told(wait)) == 1


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts stuck_driver.py, which is gone after the test however that ends."""
    with contextlib.ExitStack() as ended:

        def start(how: str, **options: int) -> subprocess.Popen[str]:
            command = [sys.executable, "-m", DRIVER, str(tmp_path), how]
            pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
            process = ended.enter_context(subprocess.Popen(command, env=repository.environment(), **pipes, **options))
            ended.callback(process.kill)
            return process

        yield start


def test_a_driver_in_a_deadlock_is_ended_with_all_its_threads_in_the_log_and_the_study_goes_on(
    tmp_path: Path, driver: Callable[..., subprocess.Popen[str]]
) -> None:
    process = driver("deadlock")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 10
    assert errors.startswith("E005 the search at ends.py:") and "run the same command to go on" in errors
    log = (tmp_path / "convoy.log").read_text()
    assert "E005" in log and log.count("hread 0x") >= 2 and "stuck_driver.py" in log and "in heard" in log
    search = Search(tmp_path)
    search.work(search.conductor(trials=3))
    assert [trial.state for trial in search.snapshot().trials] == ["completed"] * 3


def test_a_driver_whose_output_is_paused_waits_as_long_as_it_is(driver: Callable[..., subprocess.Popen[str]]) -> None:
    process = driver("paused", pipesize=4096)
    time.sleep(8)
    assert process.poll() is None
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and len(output) > 4096
