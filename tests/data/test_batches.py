from __future__ import annotations

import pytest
import torch

from pipeline.data.batches import batches


def order(count: int, size: int, seed: int = 0, epoch: int = 1) -> list[list[int]]:
    return [batch.tolist() for batch in batches(count, size, seed, epoch)]


@pytest.mark.parametrize(
    ("count", "size", "sizes"),
    [(10, 4, [4, 4, 2]), (8, 4, [4, 4]), (9, 4, [4, 4]), (3, 10, [3]), (1, 10, [1]), (3, 1, [1, 1, 1])],
)
def test_a_last_batch_of_one_is_left_out_unless_all_are(count: int, size: int, sizes: list[int]) -> None:
    assert [len(batch) for batch in order(count, size)] == sizes


def test_every_row_comes_once() -> None:
    assert sorted(row for batch in order(100, 7) for row in batch) == list(range(100))


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    first = order(50, 10)
    torch.rand(5)  # what ran before does not matter
    assert order(50, 10) == first
    assert order(50, 10, epoch=2) != first
    assert order(50, 10, seed=1) != first


def test_seed_and_epoch_are_not_interchangeable() -> None:
    assert order(50, 10, seed=1, epoch=2) != order(50, 10, seed=2, epoch=1)
