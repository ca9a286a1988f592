from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import torch

from pipeline.search.execution.messages import Assignment, Message
from pipeline.search.execution.trial import TrialData
from pipeline.search.execution.worker import MESSAGE, TrialWorker
from pipeline.study import store
from tests import repository
from tests.repository import REPOSITORY
from tests.search.driving import SECOND, STUDY
from tests.training.samples import noise

SMALL = {"train.epochs": 2, "model.num_conv_layers": 1, "model.filters": 2, "model.num_dense_layers": 0}


@pytest.fixture(scope="module")
def data() -> TrialData:
    train, recipe = noise(32)
    return TrialData(recipe, train, train)


def assignment(folder: Path, number: int) -> Assignment:
    threads = torch.get_num_threads()
    return Assignment(f"00112233-{number:04d}", "cnn", dict(SMALL), 5, str(folder), threads, "cpu")


def test_a_worker_steps_through_the_messages_of_one_trial_after_another(tmp_path: Path, data: TrialData) -> None:
    worker = object.__new__(TrialWorker)  # Ray's own constructor wants a logger and a storage
    worker.setup(assignment(tmp_path, 0).record(), data)
    messages: list[Message] = [worker.step()[MESSAGE]]
    assert worker.reset_config(assignment(tmp_path, 1).record())
    messages += [worker.step()[MESSAGE], worker.step()[MESSAGE]]
    assert [(message.trial_key[-1], message.epochs[0].epoch) for message in messages] == [("0", 1), ("1", 1), ("1", 2)]


@pytest.mark.campaign
@pytest.mark.parametrize("how", ["stopped", "deadlocked"])
def test_a_worker_that_hangs_is_ended_and_its_trial_goes_on_from_its_checkpoint_with_another(tmp_path: Path, how: str) -> None:
    command = [sys.executable, "-m", "tests.search.execution.hung_workers", str(tmp_path), how]
    environment = repository.environment()
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=240, check=True)
    (line,) = (line for line in done.stdout.splitlines() if " got nowhere for " in line)
    assert line.startswith(f"trial {SECOND} ") and (", in " in line) == (how == "deadlocked")
    trials = store.read(f"sqlite:///{tmp_path / 'studies.db'}", STUDY).trials
    assert [(trial.state, len(trial.epochs) - trial.planned_epochs) for trial in trials] == [("completed", 0)] * 4
    begun = [json.loads(entry) for entry in (tmp_path / "ledger.jsonl").read_text().splitlines()]
    assert [entry["epoch"] for entry in begun if entry["trial_key"] == SECOND] == list(range(1, trials[1].planned_epochs + 1))
    hung = int((tmp_path / "hung").read_text())
    assert not psutil.pid_exists(hung)


@pytest.mark.campaign
def test_all_workers_get_to_work_however_soon_the_trials_of_the_first_are_over(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.search.execution.slow_workers", str(tmp_path)]
    environment = repository.environment()
    subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, timeout=240, check=True)
    assert len({trial.note for trial in store.read(f"sqlite:///{tmp_path / 'studies.db'}", STUDY).trials}) == 4
