"""A checkpoint is read as it was written, and executes nothing."""

from __future__ import annotations

import io
import os
import pickle
from pathlib import Path

import pytest
import torch

from pipeline.training.checkpoint import Checkpoint
from pipeline.training.metrics import EpochMetrics

CPU = torch.device("cpu")


def test_a_checkpoint_is_read_as_it_was_written() -> None:
    history = (EpochMetrics(1, 0.5, None, None, None, None, None, 1.5), EpochMetrics(2, 0.1, 0.2, 0.9, 0.8, 0.7, 0.6, 1.25))
    weights, average = {"weight": torch.rand(2, 3)}, {"weight": torch.rand(2, 3)}
    written = Checkpoint(weights, average, {"state": {0: {"step": torch.tensor(4.0)}}, "param_groups": []}, history, 16)
    read = Checkpoint.from_bytes(written.to_bytes(), CPU)
    assert torch.equal(read.network["weight"], written.network["weight"])
    assert read.average is not None and torch.equal(read.average["weight"], average["weight"])
    assert read.optimizer["state"][0]["step"] == 4.0
    assert (read.history, read.images_at_a_time) == (history, 16)


class _Canary:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (str(self.path),))


def test_a_checkpoint_with_code_in_it_is_refused(tmp_path: Path) -> None:
    stream = io.BytesIO()
    torch.save({"network": {}, "average": None, "optimizer": {}, "history": [_Canary(tmp_path / "canary")]}, stream)
    with pytest.raises(pickle.UnpicklingError):
        Checkpoint.from_bytes(stream.getvalue(), CPU)
    assert not (tmp_path / "canary").exists()
