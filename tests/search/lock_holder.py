"""Holds the lock in argv[1] as a search does: until a signal, the end of who started it, or a minute. Says what happens."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from pipeline.search.interruption import interruptible
from pipeline.search.lock import study_lock
from pipeline.search.orphan import parents_to_watch


def main() -> None:
    """Print one line when the lock is held and one with the reason to end."""
    reasons: list[str] = []
    deadline = time.monotonic() + 60
    watched = parents_to_watch()
    with study_lock(Path(sys.argv[1]), watched), interruptible(reasons.append, watched):
        print("held", os.getpid(), len(watched), flush=True)
        while not reasons and time.monotonic() < deadline:
            time.sleep(0.1)
        print(*reasons, flush=True)


if __name__ == "__main__":
    main()
