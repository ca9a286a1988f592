"""torch's compiler is loaded when something of it is needed, and not before."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys, torch
from pipeline.training.hyperparameters import TrainHyperparameters
from pipeline.training.optimizer import optimizer

network = torch.nn.Linear(2, 2)
for name in ("sgd", "adam", "adamw"):
    moving = optimizer(network, TrainHyperparameters(optimizer=name))
    network(torch.ones(1, 2)).sum().backward()
    moving.step()
    moving.zero_grad()
    moving.load_state_dict(moving.state_dict())
assert "torch._dynamo.config" not in sys.modules, "an optimizer loads the compiler"
from torch._dynamo import config
import torch._dynamo.utils
assert torch._dynamo.config is config
print("loaded when asked")
"""


def test_an_optimizer_does_without_the_compiler_which_is_there_when_asked_for() -> None:
    found = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert found.stdout == "loaded when asked\n", found.stderr
