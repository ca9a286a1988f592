"""bfloat16 where it pays, and nowhere else."""

from __future__ import annotations

import pytest
import torch

from pipeline.training.fit import Training
from pipeline.training.hyperparameters import Value, parse
from pipeline.training.precision import bfloat16_pays
from tests.training.samples import noise

LARGE: dict[str, Value] = {"model.filters": 96, "train.epochs": 2, "train.batch_size": 32, "model.normalization": "batch"}


AMX, VECTORS = {"amx_bf16": True, "avx512_bf16": True}, {"amx_bf16": False, "avx512_bf16": True}
NEITHER = {"amx_bf16": False, "avx512_bf16": False}


@pytest.mark.parametrize(
    ("device", "multiply_adds", "capabilities", "pays"),
    [
        ("cuda", 10, NEITHER, True),
        ("cpu", 10**7, AMX, True),
        ("cpu", 10**6, AMX, False),
        ("cpu", 10**6, VECTORS, True),
        ("cpu", 10**5, VECTORS, False),
        ("cpu", 10**7, NEITHER, False),
        ("cpu", 10**9, {}, False),  # a processor of another kind
    ],
)
def test_on_gpus_and_for_large_networks_on_processors_with_instructions_for_it(
    device: str, multiply_adds: int, capabilities: dict[str, bool], pays: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert bfloat16_pays(torch.device(device), multiply_adds) is pays


def test_a_training_in_bfloat16_keeps_float32_weights_and_resumes_to_the_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: AMX)  # emulated where there is nothing of the kind
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
