from __future__ import annotations

import itertools
import math
import random

import pytest

from pipeline.study.fronts import ahead, ranks

Rows = list[tuple[float, ...]]


def dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(mine <= theirs for mine, theirs in zip(one, other, strict=True))


TABLE: list[tuple[str, Rows, list[int]]] = [
    ("nothing", [], []),
    ("one", [(1.0, 2.0)], [0]),
    ("a single column is ranked by value", [(3.0,), (1.0,), (3.0,), (2.0,)], [2, 0, 2, 1]),
    ("neither is better in all", [(1.0, 2.0), (2.0, 1.0)], [0, 0]),
    ("equal in one and better in the other", [(1.0, 2.0), (1.0, 1.0)], [1, 0]),
    ("equal rows share a front", [(1.0, 1.0), (1.0, 1.0), (2.0, 2.0), (2.0, 2.0)], [0, 0, 1, 1]),
    ("a chain", [(3.0, 3.0), (1.0, 1.0), (2.0, 2.0)], [2, 0, 1]),
    ("what is not finite is behind all", [(math.nan, 0.0), (9.0, 9.0), (-math.inf, 0.0), (1.0, 1.0)], [2, 1, 2, 0]),
]


@pytest.mark.parametrize(("rows", "fronts"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_a_row_is_behind_those_that_dominate_it(rows: Rows, fronts: list[int]) -> None:
    assert ranks(rows) == fronts


@pytest.mark.parametrize("columns", [1, 2, 3, 4])
def test_each_front_is_what_is_dominated_by_earlier_fronts_alone(columns: int) -> None:
    draw = random.Random(columns)
    rows: Rows = [tuple(float(draw.randrange(5)) for _ in range(columns)) for _ in range(60)]
    fronts = ranks(rows)
    for row, front in zip(rows, fronts, strict=True):
        above = {other_front for other, other_front in zip(rows, fronts, strict=True) if dominates(other, row)}
        assert max(above, default=-1) == front - 1
    assert not any(dominates(a, b) for (a, x), (b, y) in itertools.permutations(zip(rows, fronts, strict=True), 2) if x == y)


def test_ahead_are_those_on_better_fronts() -> None:
    rows: Rows = [(1.0, 3.0), (3.0, 1.0), (3.0, 3.0), (4.0, 4.0)]
    assert ahead(rows) == [0, 0, 2, 3]
