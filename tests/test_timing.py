from __future__ import annotations

import time

from pipeline.timing import WARM_UP, median_ms


def test_the_first_calls_and_single_slow_ones_do_not_count() -> None:
    calls: list[int] = []

    def call() -> None:
        calls.append(1)
        time.sleep(0.02 if len(calls) <= WARM_UP or len(calls) % 7 == 0 else 0.0)

    assert median_ms(call) < 10
    assert WARM_UP + 10 <= len(calls) <= WARM_UP + 100
