"""The average that follows a network: what it holds after each step, and what of a network it holds."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pipeline.training.averaging import WeightAverage


def _set(network: nn.Module, value: float) -> None:
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(value)


def test_a_share_of_one_is_the_mean_of_the_first_weights_and_all_steps() -> None:
    network = nn.Linear(2, 1)
    _set(network, 6.0)
    average = WeightAverage(network, 1.0)
    for step, value in enumerate((0.0, 3.0, 7.0), start=1):
        _set(network, value)
        average.follow(step)
    assert average.network.weight.tolist() == [[pytest.approx(4.0)] * 2]  # (6 + 0 + 3 + 7) / 4


def test_a_share_of_zero_is_the_network_itself() -> None:
    network = nn.Linear(2, 1)
    average = WeightAverage(network, 0.0)
    _set(network, 0.3)
    average.follow(1)
    assert torch.equal(average.network.weight, network.weight)


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_the_average_lies_as_far_back_as_its_window(share: float) -> None:
    network = nn.Linear(1, 1)
    average = WeightAverage(network, share)
    for step in range(1, 2001):
        _set(network, float(step))
        average.follow(step)
    assert 2000 - float(average.network.bias) == pytest.approx(share / (1 + share) * 2000, rel=0.01)


def test_statistics_of_batch_normalization_are_averaged_and_its_count_is_copied() -> None:
    network = nn.BatchNorm1d(2)
    average = WeightAverage(network, 1.0)
    network.train()(torch.tensor([[0.0, 4.0], [2.0, 8.0]]))
    average.follow(1)
    ours, theirs = average.network.state_dict(), network.state_dict()
    torch.testing.assert_close(ours["running_mean"], theirs["running_mean"] / 2)
    assert ours["num_batches_tracked"] == theirs["num_batches_tracked"] == 1


def test_the_copy_is_no_part_of_the_training() -> None:
    network = nn.Linear(1, 1)
    average = WeightAverage(network, 0.5)
    assert not any(parameter.requires_grad for parameter in average.network.parameters())
    assert all(parameter.requires_grad for parameter in network.parameters())
