from __future__ import annotations

import pytest

from pipeline import clocks
from pipeline.clocks import Reading


@pytest.mark.parametrize(
    ("said", "ahead", "line"),
    [
        (100.0, 0.0, ""),
        (110.0, 0.0, ""),  # it took ten seconds, in which it may have answered at any time
        (139.0, 29.0, ""),
        (3710.0, 3600.0, "the clock of node b is 3600 s ahead of this machine's: let both be set by NTP"),
        (-86300.0, -86400.0, "the clock of node b is 86400 s behind this machine's: let both be set by NTP"),
    ],
)
def test_a_clock_is_said_to_be_wrong_by_as_much_as_it_surely_is(said: float, ahead: float, line: str) -> None:
    reading = Reading(100.0, said, 110.0)
    assert reading.ahead == ahead
    assert reading.warning("node b").startswith(line) and bool(reading.warning("node b")) == bool(line)


def test_it_is_asked_between_two_looks_at_ours() -> None:
    times = iter([5.0, 7.0])
    assert clocks.read(lambda: 6.0, lambda: next(times)) == Reading(5.0, 6.0, 7.0)
