"""One trial on a worker: train, save a checkpoint after each epoch, report; errors come back as values."""

from __future__ import annotations

import platform
import traceback
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from pathlib import Path

import torch

from pipeline.cluster.node import code_digest
from pipeline.cluster.storage import StorageLost
from pipeline.data.preparation.packed import Packed
from pipeline.errors import DiskError, DiskFull, NotShared
from pipeline.outcomes import Outcomes
from pipeline.search.execution import gpu
from pipeline.search.execution.checkpoints import Checkpoints
from pipeline.search.execution.crew import Job, crew
from pipeline.search.execution.latency import latency_ms
from pipeline.search.execution.messages import Assignment, Hindrance, Message, TrialData
from pipeline.training.evaluation import LARGEST_BATCH, evaluate
from pipeline.training.fit import Diverged, Training
from pipeline.training.hyperparameters import parse
from pipeline.training.metrics import EpochMetrics
from pipeline.training.out_of_memory import OutOfMemory, within_memory
from pipeline.training.ranks import RankLost
from pipeline.training.tensors import tensors

Beat = Callable[[], None]  # to be called whenever something that takes long is done


def run_trial(assignment: Assignment, data: TrialData, beat: Beat = lambda: None) -> Generator[Message]:
    """Train what is left of the trial; one message an epoch, after its checkpoint is on disk, and before them one on latency.

    After a resume the first message repeats the epochs that the checkpoint already holds, since the driver may have
    missed the last of them. Whatever goes wrong in the trial itself is the last message, not an exception.
    """
    try:
        yield from _epochs(assignment, data, beat)
    except Diverged as divergence:
        yield Message(assignment.trial_key, end="diverged", reason=str(divergence))
    except OutOfMemory as refusal:
        if assignment.may_be_crowded:
            yield Message(assignment.trial_key, crowded=max(1, refusal.needed_bytes))
        else:
            yield Message(assignment.trial_key, end="out_of_memory", reason=str(refusal))
    except DiskError as trouble:
        hindrance: Hindrance = "disk full" if isinstance(trouble, DiskFull) else "disk broken"
        yield Message(assignment.trial_key, hindrance=hindrance, reason=f"{trouble.what}: {trouble.why}")
    except NotShared as lacking:
        reason = f"{platform.node()}: {lacking.where}: {lacking.why} — {lacking.remedy}"
        yield Message(assignment.trial_key, hindrance="not shared", reason=reason)
    except (RankLost, StorageLost):
        raise
    except torch.AcceleratorError as error:  # after which every later trial of this process would fail
        raise gpu.failed(error) from error
    except Exception:  # an error of code is a result of this trial; only a dead worker, or a part of it, is Ray's business
        yield Message(assignment.trial_key, end="failed", reason=traceback.format_exc())


def _epochs(assignment: Assignment, data: TrialData, beat: Beat) -> Iterator[Message]:
    torch.set_num_threads(assignment.threads)
    if assignment.images_at_a_time == 0:
        why = "its worker was killed for want of memory, however few images went at a time"
        yield Message(assignment.trial_key, end="out_of_memory", reason=why)
        return
    if assignment.code and assignment.code != code_digest():  # as on a node that was not there when the others were looked at
        yield Message(assignment.trial_key, hindrance="other code", reason=f"the workers of {platform.node()} import other code")
        return
    if not Checkpoints(assignment.folder, assignment.trial_key, assignment.attempt).reachable():
        yield Message(assignment.trial_key, hindrance="not shared", reason=f"{platform.node()} does not see {assignment.folder}")
        return
    beat()
    gpu.take(assignment.device, assignment.trials_a_gpu)

    def attempt(images_at_a_time: int | None) -> Iterator[Message]:
        return _attempt(assignment, data, images_at_a_time, beat)

    if assignment.may_be_crowded:  # elsewhere, or beside fewer others, the whole batch may fit, which is exact
        yield from attempt(assignment.images_at_a_time)
    else:
        yield from within_memory(attempt, assignment.images_at_a_time)


def _attempt(assignment: Assignment, data: TrialData, images_at_a_time: int | None, beat: Beat) -> Iterator[Message]:
    """From the last checkpoint on."""
    key, checkpoints = assignment.trial_key, Checkpoints(assignment.folder, assignment.trial_key, assignment.attempt)
    meeting = Path.cwd() if assignment.attempt else Path(assignment.folder)  # the ranks are processes of one machine
    data = data if assignment.fold is None else data.holding_out(assignment.fold)
    data = data.with_shards(lambda images: images.telling(beat))
    checkpoint = checkpoints.latest()
    beat()
    with crew(_job(assignment, data, checkpoint, images_at_a_time), assignment.devices, meeting) as working:
        training = working.training
        _count_batches(training, beat)
        if assignment.measures_latency:
            yield Message(key, latency_ms=_latency_ms(training, data.val))
        if training.history:
            yield _message(assignment, training, data, list(training.history))
        remaining = training.fit(data.train, data.val)
        for epoch in range(len(training.history) + 1, training.hyperparameters.train.epochs + 1):
            checkpoints.begin_epoch(epoch)
            beat()
            working.begin_epoch()
            metrics = next(remaining)
            checkpoints.write(training.checkpoint())
            beat()
            message = _message(assignment, training, data, [metrics])
            yield replace(message, gpu_megabytes=gpu.peak_megabytes(assignment.device))


def _count_batches(training: Training, beat: Beat) -> None:
    """Those that are trained on and those that are measured; neither is computed otherwise for it."""
    training.optimizer.register_step_post_hook(lambda *_: beat())
    training.standardize.register_forward_hook(lambda *_: beat())


def _message(assignment: Assignment, training: Training, data: TrialData, epochs: list[EpochMetrics]) -> Message:
    ended = len(training.history) == training.hyperparameters.train.epochs
    outcomes = _outcomes(training, data.val).to_bytes() if assignment.rerun and ended else b""
    return Message(assignment.trial_key, epochs, outcomes=outcomes, note=training.note)


def _latency_ms(training: Training, val: Packed) -> float:
    """Of the network that is measured and handed out."""
    return latency_ms(training.kept, training.standardize, tensors(val, torch.device("cpu"))[0])


def _outcomes(training: Training, val: Packed) -> Outcomes:
    """What the network says of each image, measured as after every epoch."""
    images_at_a_time = training.images_at_a_time or LARGEST_BATCH
    measured = evaluate(training.kept, training.standardize, *tensors(val, training.device), images_at_a_time)
    return Outcomes.of(val.labels, measured.probabilities)


def _job(assignment: Assignment, data: TrialData, checkpoint: bytes | None, images_at_a_time: int | None) -> Job:
    return Job(
        hyperparameters=parse(assignment.family, assignment.hyperparameters),
        recipe=data.recipe,
        seed=assignment.seed,
        device=assignment.device,
        checkpoint=checkpoint,
        images_at_a_time=images_at_a_time,
        train=data.train,
        val=data.val,
        threads=assignment.threads,
    )
