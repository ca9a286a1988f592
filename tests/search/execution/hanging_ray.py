"""A local Ray whose start never ends, as a search waits for it: until a signal, then for its shutdown. Says what happens."""

from __future__ import annotations

import sys
import threading

from pipeline.search.execution import local_ray
from pipeline.search.interruption import interruptible


def main() -> None:
    """Print one line when the start has begun and one with the reason to end."""
    reasons: list[str] = []
    local_ray._start = lambda local, unwanted: threading.Event().wait() and None
    with interruptible(reasons.append, []), local_ray.LocalRay(1, 0, 0) as ray:
        ray.start()
        print("starting", flush=True)
        assert not ray.ready(lambda: not reasons)
        print(*reasons, flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:  # as the command line does
        sys.exit(130)
