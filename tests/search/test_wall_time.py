from __future__ import annotations

from pipeline.search.wall_time import SAVE_SECONDS, WallTime
from tests.search.driving import Clock


def test_it_goes_on_from_earlier_searches_until_it_is_stopped() -> None:
    clock = Clock()
    time = WallTime(30.0, clock, lambda seconds: None)
    assert time.seconds == 30
    clock.now += 5
    assert time.seconds == 35
    time.stop()
    clock.now += 5
    assert time.seconds == 35


def test_it_is_saved_at_once_and_then_whenever_so_much_has_passed() -> None:
    clock, saved = Clock(), list[float]()
    time = WallTime(0.0, clock, saved.append)
    for seconds in (0, SAVE_SECONDS - 1, SAVE_SECONDS, SAVE_SECONDS + 1, 3 * SAVE_SECONDS):
        clock.now = 1000.0 + seconds
        time.save_when_due()
    assert saved == [0, SAVE_SECONDS, 3 * SAVE_SECONDS]
