"""The view of a running search: in place on a terminal, nowhere else."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
import time

import pytest
from rich.console import Console

from pipeline.search import live
from pipeline.search.standing import Ahead
from tests import repository
from tests.search.test_standing import BEGUN, standing

SHOWN = """
import time
from pipeline.search import live
from tests.search.test_standing import standing
looked = []
def look():
    looked.append(standing())
    return looked[-1]
with live.view(look):
    print("trial 0 completed")
    ends = time.monotonic() + 60
    while live.on_a_terminal() and len(looked) < 2 and time.monotonic() < ends:
        time.sleep(0.05)
print("over")
"""


def drawn(**options: object) -> str:
    """The picture as text."""
    console = Console(file=io.StringIO(), width=100, **options)  # type: ignore[arg-type]
    console.print(live.picture(standing(ahead=Ahead(BEGUN, 20, 60.0, None))))
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_the_picture_has_a_bar_and_the_lines_and_colour_on_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    plain, coloured = drawn(), drawn(force_terminal=True, color_system="standard")
    assert "4 of 20 trials done" in plain and "━" in plain and "trial 2, val_accuracy 0.7500" in plain
    assert "\x1b[" not in plain and "\x1b[32m" in coloured
    assert "\x1b[32m" not in drawn(force_terminal=True, color_system="standard", no_color=True)


def test_without_a_terminal_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    def look() -> None:
        raise AssertionError("nobody should")

    with live.view(look):  # type: ignore[arg-type]
        time.sleep(0.01)
    assert capsys.readouterr().out == ""


def test_on_a_terminal_the_view_stays_below_what_is_printed_and_is_gone_at_the_end() -> None:
    text = _in_a_terminal(SHOWN, TERM="xterm")
    assert text.index("trial 0 completed") < text.rindex("best: trial 2") < text.index("over")
    assert text.rstrip().endswith("over") and "\x1b[2K" in text and "\x1b[?25h" in text, "lines erased, cursor shown"
    assert "best:" not in _in_a_terminal(SHOWN, TERM="dumb")


def _in_a_terminal(code: str, **environment: str) -> str:
    """What the code writes to a terminal that it has to itself."""
    ours, its = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=its,
        stderr=its,
        stdin=its,
        env=repository.environment(COLUMNS="100", **environment),
    )
    os.close(its)
    written = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        written += piece
    os.close(ours)
    assert process.wait() == 0, written.decode()
    return written.decode()
