"""A running search on a terminal: one view that stays below the lines that are printed, and is gone when it ends."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipeline.errors import StudyUnreachable
from pipeline.search.standing import Standing

if TYPE_CHECKING:
    from rich.console import RenderableType

_PAUSE_SECONDS = 1.0
_END_SECONDS = 10.0  # that a look may take when the view ends: a server may not answer
_PAUSES = 10  # a pause is at least this many times as long as the look before it: what looks on takes no time from the search


def on_a_terminal() -> bool:
    """Whether the output is one that can be written over."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


@contextmanager
def view(look: Callable[[], Standing]) -> Iterator[None]:
    """While the block runs, show what `look` says, which is called in a thread of its own; nothing where there is no terminal."""
    if not on_a_terminal():
        yield
        return
    from rich.live import Live

    ended = threading.Event()
    with Live(auto_refresh=False, transient=True) as screen:

        def show(standing: Standing) -> None:
            screen.update(picture(standing), refresh=True)

        thread = threading.Thread(target=_watch, args=(look, show, ended), name="live-view", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(_END_SECONDS)


def picture(standing: Standing) -> RenderableType:
    """A bar for the trials that the budget allows, and the lines; colours are rich's business, which leaves them to NO_COLOR."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.progress_bar import ProgressBar
    from rich.text import Text

    heading, counts, best, *rest = standing.lines()
    wanted = standing.ahead.trials if standing.ahead else None
    bar = [Padding(ProgressBar(total=wanted, completed=min(standing.done, wanted), width=60), (0, 2))] if wanted else []
    lines = [Text(counts), Text(best, style="green"), *map(Text, rest)]
    return Group(Text(heading, style="bold"), *bar, *lines)


def _watch(look: Callable[[], Standing], show: Callable[[Standing], None], ended: threading.Event) -> None:
    pause = 0.0
    while not ended.wait(pause):
        began = time.monotonic()
        with contextlib.suppress(StudyUnreachable):  # what was shown last stays
            show(look())
        pause = max(_PAUSE_SECONDS, _PAUSES * (time.monotonic() - began))
