from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from pipeline.data.progress import shown, waiting


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def clock(step: float) -> Callable[[], float]:
    """Each look at it is `step` seconds later."""
    now = iter(range(1_000_000))
    return lambda: next(now) * step


def test_a_log_gets_a_line_every_ten_seconds_with_rate_and_time_left() -> None:
    log = io.StringIO()
    assert list(shown(range(50), 100, "ingest", stream=log, clock=clock(1.0))) == list(range(50))
    lines = log.getvalue().splitlines()
    assert lines[0] == "ingest: 10 of 100,  1.00 images/s, 01:30 left"
    assert len(lines) == 5


def test_what_is_quick_says_nothing() -> None:
    log = io.StringIO()
    assert list(shown(range(50), 50, "ingest", stream=log, clock=clock(0.1))) == list(range(50))
    assert log.getvalue() == ""


def test_a_terminal_gets_a_bar_that_goes_away() -> None:
    terminal = Terminal()
    assert list(shown(range(50), 50, "ingest", stream=terminal)) == list(range(50))
    assert "ingest" in terminal.getvalue()
    assert "images/s" in terminal.getvalue() or "? images" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r")


def test_an_item_may_be_worth_several() -> None:
    log = io.StringIO()
    list(shown(range(12), 120, "sync", "trials", count=lambda item: 10, stream=log, clock=clock(1.0)))
    assert log.getvalue().splitlines() == ["sync: 100 of 120, 10.00 trials/s, 00:02 left"]


def test_what_has_no_parts_is_named_on_a_terminal_alone_while_it_lasts_also_when_it_fails() -> None:
    terminal, log = Terminal(), io.StringIO()
    with waiting("fetching", terminal), waiting("fetching", log):
        assert (terminal.getvalue(), log.getvalue()) == ("fetching …", "")
    assert terminal.getvalue().endswith("\r\x1b[2K")
    with pytest.raises(ValueError, match="away"), waiting("trying", terminal):
        raise ValueError("away")
    assert terminal.getvalue().endswith("trying …\r\x1b[2K") and log.getvalue() == ""
