from __future__ import annotations

import weakref
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from pipeline.training.fit import Training, _parts
from pipeline.training.hyperparameters import Value, parse
from pipeline.training.out_of_memory import OutOfMemory, memory_refused, within_memory
from tests.training.samples import noise

CPU = torch.device("cpu")
SMALL: dict[str, Value] = {
    "model.num_conv_layers": 1,
    "model.filters": 4,
    "model.dense_units": 8,
    "train.batch_size": 16,
    "train.optimizer": "sgd",
    "train.learning_rate": 0.1,
    "train.epochs": 1,
}
MIXED: dict[str, Value] = {"augment.mixup": 0.4, "augment.cutmix": 1.0, "train.label_smoothing": 0.1}
BATCH_NORM: dict[str, Value] = {"model.normalization": "batch"}


def trained(
    extra: dict[str, Value], images_at_a_time: int | None, classes: int = 3, weights: tuple[float, ...] | None = None
) -> Training:
    """After one epoch of 40 images in batches of 16, 16 and 8."""
    train, recipe = noise(40, classes=classes)
    recipe = recipe.model_copy(update={"class_weights": weights})
    training = Training(parse("cnn", {**SMALL, **extra}), recipe, seed=1, images_at_a_time=images_at_a_time)
    list(training.fit(train, train))
    return training


def distance(one: Training, other: Training) -> float:
    """The largest difference of a weight."""
    pairs = zip(one.network.parameters(), other.network.parameters(), strict=True)
    return max(float((a - b).abs().max().detach()) for a, b in pairs)


@pytest.mark.parametrize("images", [15, 8, 5, 4])
@pytest.mark.parametrize(
    ("extra", "classes", "weights"),
    [({}, 3, None), ({}, 2, (0.5, 1.5)), (MIXED, 3, (0.5, 1.0, 1.5))],
    ids=["plain", "two classes, weighted", "mixed, smoothed, weighted"],
)
def test_a_batch_in_parts_moves_the_weights_as_the_whole_batch_does(
    extra: dict[str, Value], classes: int, weights: tuple[float, ...] | None, images: int
) -> None:
    whole, parts = trained(extra, None, classes, weights), trained(extra, images, classes, weights)
    _, recipe = noise(40, classes=classes)
    begun = Training(parse("cnn", {**SMALL, **extra}), recipe, seed=1)
    assert distance(whole, parts) < 1e-6 < 1e-2 < distance(whole, begun)
    assert parts.history[0].train_loss == pytest.approx(whole.history[0].train_loss, rel=1e-5)
    assert (whole.note, parts.note) == ("", f"for want of memory {images} images at a time, gradients added up")


def test_with_batch_normalization_the_parts_are_not_the_whole_and_the_note_says_so() -> None:
    whole, parts = trained(BATCH_NORM, None), trained(BATCH_NORM, 4)
    assert distance(whole, parts) > 1e-4
    assert "batch normalization saw these alone" in parts.note and whole.note == ""


@pytest.mark.parametrize("extra", [BATCH_NORM, {**MIXED, "model.dropout": 0.3}], ids=["batch norm", "mixed, dropout"])
def test_a_training_in_parts_that_is_resumed_ends_bit_identical_to_an_unbroken_one(extra: dict[str, Value]) -> None:
    train, recipe = noise(40)
    hyperparameters = parse("cnn", {**SMALL, **extra, "train.epochs": 3})
    unbroken = Training(hyperparameters, recipe, seed=1, images_at_a_time=4)
    list(unbroken.fit(train, train))
    checkpoint, images = None, 4
    for _ in range(3):
        training = Training(hyperparameters, recipe, seed=1, checkpoint=checkpoint, images_at_a_time=images)
        next(training.fit(train, train))
        checkpoint, images = training.checkpoint(), None  # who resumes it need not know
    assert training.images_at_a_time == 4
    for name, weight in unbroken.network.state_dict().items():
        assert torch.equal(weight, training.network.state_dict()[name])


@pytest.mark.parametrize(
    ("count", "at_a_time", "sizes"),
    [(16, None, [16]), (16, 16, [16]), (16, 8, [8, 8]), (17, 8, [5, 6, 6]), (9, 8, [4, 5]), (3, 8, [3]), (10, 4, [3, 3, 4])],
)
def test_parts_are_few_and_nearly_equal(count: int, at_a_time: int | None, sizes: list[int]) -> None:
    parts = _parts(slice(0, count), at_a_time)
    assert [part.stop - part.start for part in parts] == sizes
    assert [row for part in parts for row in range(count)[part]] == list(range(count))


@pytest.mark.parametrize("allocate", [lambda: torch.empty(10**15), lambda: np.empty(10**15), lambda: bytearray(2**62)])
def test_memory_that_is_refused_is_told_from_other_errors(allocate: object) -> None:
    with pytest.raises(OutOfMemory) as refusal, memory_refused(7, CPU):
        allocate()  # type: ignore[operator]
    assert refusal.value.images == 7 and refusal.value.needed_bytes > 10**6


@pytest.mark.parametrize("words", ["could not create a primitive", "could not create a memory object"])
def test_what_onednn_says_of_memory_is_a_refusal(words: str) -> None:
    with pytest.raises(OutOfMemory), memory_refused(7, CPU):
        raise RuntimeError(words)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
        RuntimeError("could not create a primitive descriptor for a convolution forward propagation primitive"),
        ValueError("not enough memory"),
    ],
)
def test_other_errors_stay_what_they_are(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, memory_refused(7, CPU):
        raise error
    assert caught.value is error


def test_what_was_to_be_allocated_counts_as_needed() -> None:
    with pytest.raises(OutOfMemory) as refusal, memory_refused(8, CPU):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of …")
    assert refusal.value.needed_bytes > 2.5 * 2**30
    assert str(OutOfMemory(5 * 2**29, 8)) == "needs more than 2.50 GiB to train with 8 images at a time"


class Attempts:
    """Attempts that have too little memory for more than `enough` images at a time."""

    def __init__(self, enough: int, batch: int = 64) -> None:
        self.enough, self.batch, self.tried = enough, batch, list[int | None]()
        self.tensors: list[weakref.ref[torch.Tensor]] = []
        self.alive: list[int] = []  # tensors of earlier attempts, when one begins

    def __call__(self, images: int | None) -> Iterator[int]:
        self.tried.append(images)
        self.alive.append(sum(reference() is not None for reference in self.tensors))
        large = torch.empty(10)
        self.tensors.append(weakref.ref(large))
        at_a_time = images or self.batch
        with memory_refused(at_a_time, CPU):
            if at_a_time > self.enough:
                raise torch.OutOfMemoryError(f"tried to allocate {at_a_time} GiB")
        yield at_a_time


@pytest.mark.parametrize(
    ("enough", "tried"), [(64, [None]), (63, [None, 32]), (10, [None, 32, 16, 8]), (4, [None, 32, 16, 8, 4])]
)
def test_half_as_many_images_are_tried_until_it_fits(enough: int, tried: list[int | None]) -> None:
    attempts = Attempts(enough)
    (found,) = within_memory(attempts)
    assert attempts.tried == tried and found == (tried[-1] or 64)


def test_at_the_fewest_images_it_ends_with_what_these_needed() -> None:
    attempts = Attempts(enough=3)
    with pytest.raises(OutOfMemory) as refusal:
        list(within_memory(attempts))
    assert attempts.tried == [None, 32, 16, 8, 4]
    assert refusal.value.images == 4 and 4 * 2**30 < refusal.value.needed_bytes < 8 * 2**30
    assert refusal.value.__context__ is None  # which would hold the tensors of the last attempt


def test_the_tensors_of_a_failed_attempt_are_gone_before_the_next_begins() -> None:
    attempts = Attempts(enough=4)
    list(within_memory(attempts))
    assert attempts.alive == [0] * 5


def test_a_network_that_cannot_be_held_is_not_tried_with_fewer_images() -> None:
    tried = []

    def attempt(images: int | None) -> Iterator[None]:
        tried.append(images)
        with memory_refused(0, CPU):
            torch.empty(10**15)
        yield

    with pytest.raises(OutOfMemory, match="to hold the network"):
        list(within_memory(attempt))
    assert tried == [None]
