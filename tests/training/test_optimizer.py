"""The optimizer that was asked for, and the learning rate of every step."""

from __future__ import annotations

import math

import pytest
import torch

from pipeline.training.hyperparameters import TrainHyperparameters
from pipeline.training.optimizer import learning_rate, optimizer


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("sgd", lambda weights: torch.optim.SGD(weights, 0.1, momentum=0.8, weight_decay=0.01)),
        ("adam", lambda weights: torch.optim.Adam(weights, 0.1, weight_decay=0.01)),
        ("adamw", lambda weights: torch.optim.AdamW(weights, 0.1, weight_decay=0.01)),
    ],
)
def test_steps_equal_those_of_torchs_plain_optimizer(name: str, reference: object) -> None:
    ours, theirs = torch.nn.Linear(5, 3), torch.nn.Linear(5, 3)
    theirs.load_state_dict(ours.state_dict())
    given = {"optimizer": name, "learning_rate": 0.1, "momentum": 0.8, "weight_decay": 0.01, "decayed": "all"}
    train = TrainHyperparameters.model_validate(given)
    for network, stepper in ((ours, optimizer(ours, train)), (theirs, reference(theirs.parameters()))):  # type: ignore[operator]
        for step in range(5):
            stepper.zero_grad()
            network(torch.full((2, 5), float(step))).square().sum().backward()
            stepper.step()
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict())


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_only_weights_decay_unless_all_is_asked_for(name: str) -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.Flatten(), torch.nn.Linear(8, 2))
    before = {key: value.clone() for key, value in network.state_dict().items()}
    stepper = optimizer(network, TrainHyperparameters.model_validate({"optimizer": name, "weight_decay": 0.5}))
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    stepper.step()
    changed = {key for key, value in network.state_dict().items() if not torch.equal(value, before[key])}
    assert changed == {"0.weight", "3.weight"}


def test_a_constant_schedule_never_moves() -> None:
    train = TrainHyperparameters(learning_rate=0.3)
    assert {learning_rate(train, step, 50) for step in range(50)} == {0.3}


@pytest.mark.parametrize("steps", [1, 2, 20, 1000])
def test_a_cosine_schedule_rises_shortly_and_falls_towards_zero(steps: int) -> None:
    train = TrainHyperparameters(learning_rate=0.3, schedule="cosine")
    rates = [learning_rate(train, step, steps) for step in range(steps)]
    peak = rates.index(max(rates))
    assert max(rates) == pytest.approx(0.3)
    assert peak <= max(1, 0.05 * steps)
    assert rates[:peak] == sorted(rates[:peak]) and rates[peak:] == sorted(rates[peak:], reverse=True)
    assert all(0 < rate <= 0.3 for rate in rates)
    if steps >= 1000:
        assert rates[-1] < 0.3e-4


@pytest.mark.parametrize("steps", [1, 2, 20, 1000])
def test_one_cycle_rises_for_three_tenths_and_falls_towards_zero(steps: int) -> None:
    train = TrainHyperparameters(learning_rate=0.3, schedule="one_cycle")
    rates = [learning_rate(train, step, steps) for step in range(steps)]
    peak = rates.index(max(rates))
    assert rates[0] == pytest.approx(0.3 / 25)
    assert peak in (0, math.ceil(0.3 * steps)) and (steps == 1 or max(rates) == pytest.approx(0.3))
    assert rates[:peak] == sorted(rates[:peak]) and rates[peak:] == sorted(rates[peak:], reverse=True)
    assert all(0 < rate <= 0.3 for rate in rates)
    if steps >= 1000:
        assert rates[-1] < 0.3e-4
