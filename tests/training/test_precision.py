"""bfloat16 where it pays, and nowhere else."""

from __future__ import annotations

import pytest
import torch

from pipeline.training.fit import Training
from pipeline.training.hyperparameters import Value, parse
from pipeline.training.precision import bfloat16_pays
from tests.training.samples import noise

LARGE: dict[str, Value] = {"model.filters": 96, "train.epochs": 2, "train.batch_size": 32, "model.normalization": "batch"}


@pytest.mark.parametrize(
    ("device", "multiply_adds", "units", "pays"),
    [
        ("cuda", 10, False, True),
        ("cpu", 10**7, True, True),
        ("cpu", 10**5, True, False),
        ("cpu", 10**7, False, False),
    ],
)
def test_on_gpus_and_for_large_networks_on_processors_with_matrix_units(
    device: str, multiply_adds: int, units: bool, pays: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": units})
    assert bfloat16_pays(torch.device(device), multiply_adds) is pays


def test_a_processor_that_says_nothing_of_matrix_units_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    assert not bfloat16_pays(torch.device("cpu"), 10**9)


def test_a_training_in_bfloat16_keeps_float32_weights_and_resumes_to_the_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True})  # emulated where there are no such units
    train, recipe = noise(48)
    hyperparameters = parse("cnn", LARGE)
    unbroken = Training(hyperparameters, recipe, seed=0)
    list(unbroken.fit(train, train))
    first = Training(hyperparameters, recipe, seed=0)
    next(first.fit(train, train))
    resumed = Training(hyperparameters, recipe, seed=0, checkpoint=first.checkpoint())
    next(resumed.fit(train, train))

    assert unbroken.bfloat16 and {tensor.dtype for tensor in unbroken.network.parameters()} == {torch.float32}
    weights = [training.network.state_dict().values() for training in (unbroken, resumed)]
    assert all(torch.equal(one, other) for one, other in zip(*weights, strict=True))
