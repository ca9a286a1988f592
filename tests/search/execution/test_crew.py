"""A trial whose batches two processes share, on processors: what it computes, and what becomes of it when one of them is gone."""

from __future__ import annotations

import io
import multiprocessing
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import torch

from pipeline import artifacts
from pipeline.search.execution.checkpoints import checkpoint_name
from pipeline.search.execution.messages import Assignment, Message, TrialData
from pipeline.search.execution.trial import run_trial
from pipeline.training.ranks import RankLost
from tests import repository
from tests.repository import REPOSITORY
from tests.training.samples import noise

KEY = "00112233-0004"
SMALL = {
    "train.epochs": 3,
    "train.batch_size": 16,
    "train.averaging": 0.2,
    "model.num_conv_layers": 1,
    "model.filters": 4,
    "model.num_dense_layers": 0,
    "augment.shift": 0.1,
    "augment.mixup": 0.4,
}


@pytest.fixture(scope="module")
def data() -> TrialData:
    train, recipe = noise(51)  # in batches of 16, 16, 16 and 3, which is too few to share
    val, _ = noise(25)
    return TrialData(recipe, train, val)


def assignment(folder: Path, devices: int = 2, **hyperparameters: object) -> Assignment:
    folder.mkdir(exist_ok=True)
    values = {**SMALL, **hyperparameters}
    return Assignment(KEY, "cnn", values, 5, str(folder), torch.get_num_threads(), "cpu", devices=devices)  # type: ignore[arg-type]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    content = artifacts.read_sealed(folder / checkpoint_name(KEY))
    found: dict[str, torch.Tensor] = torch.load(io.BytesIO(content), weights_only=True)["average"]
    return found


def measured(messages: list[Message]) -> list[float]:
    """Every number measured, of all epochs."""
    return [value for message in messages for epoch in message.epochs for value in replace(epoch, seconds=0.0).metrics().values()]


def test_two_processes_compute_what_one_does_also_when_they_are_resumed_and_end_with_the_trial(
    data: TrialData, tmp_path: Path
) -> None:
    alone = list(run_trial(assignment(tmp_path / "alone", devices=1), data))
    worker = run_trial(assignment(tmp_path / "shared"), data)
    before = [next(worker)]
    worker.close()
    assert multiprocessing.active_children() == []
    after = list(run_trial(assignment(tmp_path / "shared"), data))
    assert [len(message.epochs) for message in after] == [1, 1, 1] and measured(after[:1]) == measured(before)
    assert measured(after) == pytest.approx(measured(alone), rel=1e-4)
    for name, expected in weights(tmp_path / "alone").items():
        torch.testing.assert_close(weights(tmp_path / "shared")[name], expected, rtol=1e-4, atol=1e-6)
    assert after[-1].note == "a share of each batch on each of 2 devices, gradients added up"
    assert list((tmp_path / "shared").glob("*.ranks")) == []


def test_when_one_is_killed_it_is_the_worker_that_is_lost_and_not_the_trial_that_failed(data: TrialData, tmp_path: Path) -> None:
    worker = run_trial(assignment(tmp_path, **{"train.epochs": 400}), data)
    next(worker)
    (other,) = multiprocessing.active_children()
    other.kill()
    with pytest.raises(RankLost):
        list(worker)
    assert multiprocessing.active_children() == []


@pytest.mark.campaign
def test_when_the_worker_is_killed_the_others_end(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.search.execution.two_devices", str(tmp_path)]
    with subprocess.Popen(command, cwd=REPOSITORY, env=repository.environment(), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"1\n"
        others = [one for one in psutil.Process(process.pid).children() if "resource_tracker" not in " ".join(one.cmdline())]
        process.kill()
    assert len(others) == 1 and psutil.wait_procs(others, timeout=30)[1] == []
