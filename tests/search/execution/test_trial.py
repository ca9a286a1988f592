from __future__ import annotations

import errno
import io
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline import artifacts
from pipeline.errors import DiskBroken, DiskError, DiskFull
from pipeline.outcomes import Outcomes
from pipeline.search.execution import gpu
from pipeline.search.execution.checkpoints import LEDGER, checkpoint_name
from pipeline.search.execution.messages import Assignment, Message
from pipeline.search.execution.trial import TrialData, run_trial
from pipeline.training.fit import Training
from pipeline.training.metrics import EpochMetrics
from tests.training.samples import noise

KEY = "00112233-0004"
SMALL = {
    "train.epochs": 3,
    "train.batch_size": 16,
    "model.num_conv_layers": 1,
    "model.filters": 4,
    "model.num_dense_layers": 0,
    "model.dropout": 0.2,
    "augment.shift": 0.1,
}


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """A trial sets its own number of threads; the tests after it keep theirs."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def data() -> TrialData:
    train, recipe = noise(48)
    val, _ = noise(24)
    return TrialData(recipe, train, val)


@pytest.fixture
def assignment(tmp_path: Path) -> Assignment:
    return Assignment(KEY, "cnn", dict(SMALL), seed=5, folder=str(tmp_path), threads=1, device="cpu")


def ledger(folder: Path) -> list[int]:
    """The epochs that were begun."""
    lines = [json.loads(line) for line in (folder / LEDGER).read_text().splitlines()]
    assert all(line["trial_key"] == KEY and line["pid"] == os.getpid() for line in lines)
    return [line["epoch"] for line in lines]


def measured(messages: list[Message]) -> list[EpochMetrics]:
    """All epochs told of, without the time they took."""
    return [replace(metrics, seconds=0) for message in messages for metrics in message.epochs]


def test_one_message_an_epoch_and_none_after_the_last(assignment: Assignment, data: TrialData) -> None:
    messages = list(run_trial(assignment, data))
    assert [[metrics.epoch for metrics in message.epochs] for message in messages] == [[1], [2], [3]]
    assert {(message.trial_key, message.end) for message in messages} == {(KEY, "")}
    assert data.nbytes == data.train.images.nbytes + data.val.images.nbytes


def test_the_ledger_has_a_line_when_an_epoch_begins_and_the_checkpoint_is_there_before_the_message(
    assignment: Assignment, data: TrialData, tmp_path: Path
) -> None:
    messages = run_trial(assignment, data)
    contents = set()
    for epoch in (1, 2, 3):
        assert [metrics.epoch for metrics in next(messages).epochs] == [epoch]
        assert ledger(tmp_path) == list(range(1, epoch + 1))
        contents.add(artifacts.read_sealed(tmp_path / checkpoint_name(KEY)))
    assert len(contents) == 3


@pytest.mark.parametrize("trained", [1, 2])
def test_a_resumed_trial_repeats_what_it_knows_and_ends_as_an_unbroken_one(
    assignment: Assignment, data: TrialData, tmp_path: Path, trained: int
) -> None:
    unbroken = list(run_trial(replace(assignment, folder=str(tmp_path / "unbroken")), data))
    worker = run_trial(assignment, data)
    before = [next(worker) for _ in range(trained)]
    after = list(run_trial(assignment, data))  # in another worker
    assert measured(after[:1]) == measured(before)
    assert measured(after) == measured(unbroken)
    assert ledger(tmp_path) == [1, 2, 3]
    states = [artifacts.read_sealed(folder / checkpoint_name(KEY)) for folder in (tmp_path, tmp_path / "unbroken")]
    weights = [torch.load(io.BytesIO(state), weights_only=True)["network"] for state in states]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_a_trial_resumed_after_its_last_epoch_tells_it_again(assignment: Assignment, data: TrialData, tmp_path: Path) -> None:
    first = list(run_trial(assignment, data))
    again = list(run_trial(assignment, data))
    assert len(again) == 1 and measured(again) == measured(first)
    assert ledger(tmp_path) == [1, 2, 3]


@pytest.mark.parametrize("damage", ["one bit", "half", "empty", "gone"])
def test_with_a_damaged_checkpoint_the_trial_starts_over_and_ends_the_same(
    assignment: Assignment, data: TrialData, tmp_path: Path, damage: str
) -> None:
    unbroken = list(run_trial(replace(assignment, folder=str(tmp_path / "unbroken")), data))
    next(run_trial(assignment, data))
    path = tmp_path / checkpoint_name(KEY)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes({"one bit": bytes(content), "half": content[: len(content) // 2], "empty": b"", "gone": b""}[damage])
    if damage == "gone":
        path.unlink()
    assert measured(list(run_trial(assignment, data))) == measured(unbroken)
    assert ledger(tmp_path) == [1, 1, 2, 3]


@pytest.mark.parametrize(
    ("hyperparameters", "last_line"),
    [
        ({"model.num_conv_layers": 9, "model.pooling": "max", "model.pool_every": 1}, "pipeline.errors.DoesNotFit"),
        ({"model.unknown": 1}, "pipeline.errors.UnknownHyperparameter"),
    ],
)
def test_an_exception_is_the_last_message_with_its_traceback(
    assignment: Assignment, data: TrialData, hyperparameters: dict[str, object], last_line: str
) -> None:
    (message,) = run_trial(replace(assignment, hyperparameters=hyperparameters), data)  # type: ignore[arg-type]
    assert message.end == "failed" and message.epochs == []
    assert message.reason.startswith("Traceback")
    assert message.reason.strip().splitlines()[-1].startswith(last_line)


def test_after_an_error_of_the_gpu_the_worker_trains_nothing_more(
    assignment: Assignment, data: TrialData, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(training: Training, *_: object) -> None:
        raise torch.AcceleratorError("CUDA error: uncorrectable ECC error encountered\nFor debugging consider …\n")

    monkeypatch.setattr(Training, "_train", refuse)  # there is no GPU here
    with pytest.raises(gpu.GpuFailed, match=r"^CUDA error: uncorrectable ECC error encountered on a GPU that"):
        list(run_trial(assignment, data))


@pytest.mark.parametrize("averaging", [0.0, 0.5])
def test_latency_is_told_before_any_epoch_and_measuring_it_changes_no_number(
    assignment: Assignment, data: TrialData, averaging: float, tmp_path: Path
) -> None:
    assignment = replace(assignment, hyperparameters={**SMALL, "train.averaging": averaging})
    first, *epochs = run_trial(replace(assignment, measures_latency=True), data)
    assert first.latency_ms is not None and 0 < first.latency_ms < 1000 and first.epochs == []
    assert {message.latency_ms for message in epochs} == {None}
    assert measured(epochs) == measured(list(run_trial(replace(assignment, folder=str(tmp_path / "other")), data)))


def test_a_trial_whose_latency_was_not_heard_tells_it_when_it_is_resumed(assignment: Assignment, data: TrialData) -> None:
    list(run_trial(assignment, data))
    latency, epochs = run_trial(replace(assignment, measures_latency=True), data)
    assert latency.latency_ms is not None and len(epochs.epochs) == 3


def test_divergence_is_the_last_message_with_its_place(assignment: Assignment, data: TrialData) -> None:
    wild = {**SMALL, "train.learning_rate": 10.0, "train.optimizer": "sgd", "train.momentum": 0.99, "train.epochs": 200}
    *epochs, last = run_trial(replace(assignment, hyperparameters=wild), data)
    assert (last.end, last.epochs) == ("diverged", [])
    assert last.reason.startswith(f"diverged in epoch {len(epochs) + 1} ")


@pytest.mark.parametrize(
    ("number", "hindrance", "kind"), [(errno.ENOSPC, "disk full", DiskFull), (errno.EROFS, "disk broken", DiskBroken)]
)
def test_a_disk_that_cannot_be_written_is_no_failure_of_the_trial(
    assignment: Assignment, data: TrialData, monkeypatch: pytest.MonkeyPatch, number: int, hindrance: str, kind: type[DiskError]
) -> None:
    def fsync(handle: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
    (message,) = run_trial(assignment, data)
    assert message.hindrance == hindrance and message.reason.endswith(os.strerror(number))
    assert isinstance(message.problem(), kind)


def test_the_data_is_never_written_to(assignment: Assignment, data: TrialData) -> None:
    before = (data.train.images.copy(), data.val.images.copy())
    list(run_trial(assignment, data))
    assert (data.train.images == before[0]).all() and (data.val.images == before[1]).all()


def test_a_trial_uses_the_threads_it_was_given(assignment: Assignment, data: TrialData) -> None:
    next(run_trial(replace(assignment, threads=2), data))
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("averaging", [0.0, 0.5])
def test_a_rerun_says_at_its_end_and_only_then_what_its_measured_network_says_of_each_image(
    assignment: Assignment, data: TrialData, averaging: float
) -> None:
    hyperparameters = {**SMALL, "train.learning_rate": 0.01, "train.averaging": averaging}
    messages = list(run_trial(replace(assignment, rerun=True, hyperparameters=hyperparameters), data))
    assert [bool(message.outcomes) for message in messages] == [False, False, True]
    outcomes, last = Outcomes.from_bytes(messages[-1].outcomes), messages[-1].epochs[-1]
    assert outcomes.actual.tolist() == data.val.labels.tolist()
    assert outcomes.score("accuracy", len(data.recipe.classes)) == pytest.approx(last.val_accuracy)
    assert outcomes.score("loss", len(data.recipe.classes)) == pytest.approx(last.val_loss, rel=1e-5)


def test_a_rerun_whose_last_message_was_lost_says_it_again(assignment: Assignment, data: TrialData) -> None:
    first = list(run_trial(replace(assignment, rerun=True), data))[-1]
    (again,) = run_trial(replace(assignment, rerun=True), data)
    assert len(again.epochs) == 3 and again.outcomes == first.outcomes


def test_a_rerun_on_a_fold_trains_on_the_other_images_of_train_and_val(assignment: Assignment, data: TrialData) -> None:
    val = replace(data.val, digests=[f"val {name}" for name in data.val.digests])
    folds = [np.arange(len(part), dtype=np.int8) % 3 for part in (data.train, val)]
    parts = [replace(part, folds=its) for part, its in zip((data.train, val), folds, strict=True)]
    *_, last = run_trial(replace(assignment, rerun=True, fold=1), TrialData(data.recipe, *parts))
    outcomes = Outcomes.from_bytes(last.outcomes)
    expected = np.concatenate([part.labels[its == 1] for part, its in zip(parts, folds, strict=True)])
    assert (last.end, outcomes.actual.tolist()) == ("", expected.tolist())
    assert outcomes.score("accuracy", len(data.recipe.classes)) == pytest.approx(last.epochs[-1].val_accuracy)
