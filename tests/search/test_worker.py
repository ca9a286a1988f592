from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pipeline.search.messages import Assignment, Message
from pipeline.search.trial import TrialData
from pipeline.search.worker import MESSAGE, TrialWorker
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
