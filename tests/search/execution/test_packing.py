from __future__ import annotations

import pytest

from pipeline.search.execution.packing import MOST, Needed, Packing, trials_a_gpu

GIB = 2.0**30
SMALL = [0.01 * GIB, 0.2 * GIB]
LARGE = [0.01 * GIB, 9 * GIB]

# (estimates, data, memory, cores, what ran before) → trials a GPU
TABLE = [
    ((SMALL, 0.2 * GIB, 140 * GIB, 16, []), 16),
    ((SMALL, 0.2 * GIB, 140 * GIB, 64, []), MOST),
    ((SMALL, 0.2 * GIB, 140 * GIB, 4, []), 4),  # a core each
    ((SMALL, 0.2 * GIB, 8 * GIB, 16, []), 6),
    ((SMALL, 4 * GIB, 24 * GIB, 16, []), 4),  # each holds the images
    ((LARGE, 0, 24 * GIB, 16, []), 2),  # the largest decides
    ((LARGE, 0, 8 * GIB, 16, []), 1),  # it takes a GPU alone, in parts
    ((LARGE, 0, 24 * GIB, 16, [Needed(9 * GIB, 4.5 * GIB)]), 4),  # half the values take half as much
    ((LARGE, 0, 24 * GIB, 16, [Needed(9 * GIB, 18 * GIB)]), 1),
    ((LARGE, 0, 24 * GIB, 16, [Needed(9 * GIB, 4.5 * GIB), Needed(5 * GIB, 5 * GIB)]), 2),  # the worst of those that tell
    ((LARGE, 0, 24 * GIB, 16, [Needed(0.01 * GIB, 0.2 * GIB)]), 2),  # a small one tells nothing
    (([], 0, 24 * GIB, 16, []), 16),
]


@pytest.mark.parametrize(("given", "expected"), TABLE)
def test_as_many_trials_share_a_gpu_as_it_holds_of_the_largest(
    given: tuple[list[float], float, float, int, list[Needed]], expected: int
) -> None:
    assert trials_a_gpu(*given) == expected


@pytest.mark.parametrize("trials", range(1, MOST + 1))
def test_so_many_shares_fit_and_not_one_more_and_the_caps_leave_room_for_each_process(trials: int) -> None:
    packing = Packing(trials, 140 * GIB)
    assert trials * packing.share <= 1 < (trials + 1) * packing.share
    assert trials == 1 or trials * (packing.cap * packing.memory + 600 * 2**20) <= 0.951 * packing.memory


@pytest.mark.parametrize(
    ("trials", "needed", "left"), [(16, 0.0, 15), (16, 20 * GIB, 6), (16, 100 * GIB, 1), (2, 0.0, 1), (1, 500 * GIB, 1)]
)
def test_a_trial_without_memory_lowers_it_to_what_it_needs_and_by_one_at_least(trials: int, needed: float, left: int) -> None:
    assert Packing(trials, 140 * GIB).lowered(needed).trials == left


@pytest.mark.parametrize(
    ("trials", "needed", "holds"),
    [(16, 0, True), (4, 20 * GIB, True), (4, 33 * GIB, False), (1, 120 * GIB, True), (1, 140 * GIB, False)],
)
def test_a_share_holds_what_with_its_process_fits_so_many_times(trials: int, needed: float, holds: bool) -> None:
    assert Packing(trials, 140 * GIB).holds(needed) is holds
