from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from pipeline.training.ranks import OneRank
from tests.training import two_ranks


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return two_ranks.both(tmp_path_factory.mktemp("ranks"))


def test_every_image_of_a_batch_is_one_ranks_and_too_few_are_not_shared(found: list[dict[str, Any]]) -> None:
    assert found[0]["shares"] == [slice(0, 8), slice(0, 2), slice(0, 3), slice(0, 0)]
    assert found[1]["shares"] == [slice(8, 16), slice(2, 5), slice(0, 0), slice(0, 0)]


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("statistics", [0.5, 0.5]),
        ("loss", 0.25),
        ("gradients", [[4.0], [4.0]]),
        ("pooled", [pytest.approx((4 * 1.5 + 2 * 0.5) / 6), [[3, 1], [0, 2]]]),
    ],
)
def test_what_the_ranks_have_is_summed_on_both(found: list[dict[str, Any]], what: str, expected: object) -> None:
    assert found[0][what] == found[1][what] == expected


def test_what_fails_on_one_rank_ends_both(found: list[dict[str, Any]]) -> None:
    assert (found[0]["fine"], found[1]["fine"]) == (0, 1)
    assert found[0]["too little memory"] == found[1]["too little memory"]
    name, needed = found[0]["too little memory"]
    assert name == "OutOfMemory" and needed > 2
    assert (found[0]["an error"][0], found[1]["an error"][0]) == ("ChildProcessError", "ValueError")


def test_one_rank_has_everything_to_itself() -> None:
    alone, confusion = OneRank(), np.eye(2, dtype=np.int64)
    assert (alone.share(7), alone.together(lambda: 3, 0)) == (slice(0, 7), 3)
    assert alone.pooled(0.5, confusion) == (0.5, confusion)
    assert alone.add_up(torch.nn.Identity(), lambda: torch.tensor(0.25), 4) == 0.25
