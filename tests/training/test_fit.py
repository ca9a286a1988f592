"""The training loop learns, resumes to the bit, stops when it diverges, and leaves its data alone."""

from __future__ import annotations

import hashlib
import math
import warnings
from dataclasses import replace

import pytest
import torch

from pipeline.data.batches import batches
from pipeline.errors import DoesNotFit
from pipeline.training.evaluation import evaluate
from pipeline.training.fit import Diverged, Training
from pipeline.training.hyperparameters import Value, parse
from tests.training.samples import digits, noise, only

SMALL: dict[str, Value] = {"model.num_conv_layers": 1, "model.filters": 4, "model.dense_units": 8, "train.batch_size": 16}
RICH: dict[str, Value] = {"model.dropout": 0.3, "model.normalization": "batch", "model.skip": True, "train.schedule": "cosine"}
AVERAGED: dict[str, Value] = {**RICH, "train.averaging": 0.2, "train.schedule": "one_cycle"}
AUGMENTED: dict[str, Value] = {
    "train.label_smoothing": 0.1,
    "augment.flip": 0.5,
    "augment.rotation_degrees": 10.0,
    "augment.shift": 0.1,
    "augment.noise": 0.05,
}
MIXED: dict[str, Value] = {"augment.mixup": 0.4, "augment.cutmix": 1.0, "augment.policy": "randaugment", "augment.erase": 0.2}


def _weights(training: Training) -> dict[str, bytes]:
    """Of the network that is trained, and of the one that is kept."""
    networks = (training.network.state_dict(), training.kept.state_dict())
    return {f"{place} {name}": each.numpy().tobytes() for place, state in enumerate(networks) for name, each in state.items()}


def _curve(training: Training) -> list[dict[str, float]]:
    return [{**metrics.metrics(), "seconds": 0.0} for metrics in training.history]


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize(
    "extra",
    [{}, RICH, AVERAGED, {**RICH, **AUGMENTED}, {**AUGMENTED, **MIXED}],
    ids=["plain", "rich", "averaged", "augmented", "mixed"],
)
def test_a_resumed_training_ends_bit_identical_to_an_unbroken_one(optimizer: str, extra: dict[str, Value]) -> None:
    train, recipe = noise(41)
    flat: dict[str, Value] = {**SMALL, **extra, "train.optimizer": optimizer, "train.epochs": 4, "train.weight_decay": 0.01}
    hyperparameters = parse("cnn", flat)
    unbroken = Training(hyperparameters, recipe, seed=7)
    list(unbroken.fit(train, train))

    checkpoint = None
    for _ in range(4):
        torch.rand(3)  # whatever else runs in the process in between
        training = Training(hyperparameters, recipe, seed=7, checkpoint=checkpoint)
        next(training.fit(train, train))
        checkpoint = training.checkpoint()
    assert _weights(training) == _weights(unbroken)
    assert _curve(training) == _curve(unbroken)
    assert list(Training(hyperparameters, recipe, seed=7, checkpoint=checkpoint).fit(train, train)) == []


def test_without_augmentation_a_step_is_that_of_the_textbook_to_the_bit() -> None:
    train, recipe = noise(16)
    training, other = (
        Training(parse("cnn", {**SMALL, "train.optimizer": "sgd", "train.epochs": 1}), recipe, seed=0) for _ in range(2)
    )
    list(training.fit(train, None))
    (rows,) = batches(16, 16, 0, 1)
    images, labels = torch.tensor(train.images[:])[rows], torch.tensor(train.labels)[rows]
    logits = other.network(other.standardize(images).contiguous(memory_format=torch.channels_last))
    torch.nn.functional.cross_entropy(logits, labels, reduction="none").mean().backward()
    other.optimizer.step()
    assert _weights(training) == _weights(other)


def test_auto_flips_by_the_kind_of_the_recipe() -> None:
    _, recipe = noise()
    flips = {
        kind: Training(
            parse("cnn", {**SMALL, "augment.flip": "auto"}), recipe.model_copy(update={"kind": kind}), seed=0
        ).augmentation.flip
        for kind in ("photos", "glyphs", "unknown")
    }
    assert flips == {"photos": 0.5, "glyphs": 0.0, "unknown": 0.0}


@pytest.mark.parametrize("extra", [{}, MIXED], ids=["plain", "mixed"])
@pytest.mark.parametrize("classes", [2, 3])
def test_class_weights_of_the_recipe_weigh_the_training_loss_alone(classes: int, extra: dict[str, Value]) -> None:
    train, recipe = noise(32, classes=classes)
    flat: dict[str, Value] = {**SMALL, **extra, "train.epochs": 1, "train.learning_rate": 1e-9}
    weights = {None: None, 1.0: (1.0,) * classes, 2.0: (2.0,) * classes}
    first = {
        factor: next(Training(parse("cnn", flat), recipe.model_copy(update={"class_weights": each}), seed=0).fit(train, train))
        for factor, each in weights.items()
    }
    assert first[1.0].train_loss == pytest.approx(first[None].train_loss)
    assert first[2.0].train_loss == pytest.approx(2 * first[None].train_loss)
    assert first[2.0].val_loss == pytest.approx(first[None].val_loss)


def test_what_is_measured_and_kept_is_the_average_of_the_weights() -> None:
    train, recipe = noise(64)
    flat: dict[str, Value] = {**SMALL, "model.normalization": "batch", "train.epochs": 2, "train.learning_rate": 0.05}
    plain, averaged = (Training(parse("cnn", {**flat, **extra}), recipe, seed=0) for extra in ({}, {"train.averaging": 0.5}))
    ours, theirs = list(averaged.fit(train, train)), list(plain.fit(train, train))
    assert [metrics.train_loss for metrics in ours] == [metrics.train_loss for metrics in theirs]
    assert plain.kept is plain.network and averaged.kept is not averaged.network
    kept = evaluate(averaged.kept, averaged.standardize, torch.from_numpy(train.images.copy()), torch.tensor(train.labels))
    assert ours[-1].val_loss == kept.loss != theirs[-1].val_loss


def test_mixing_still_learns() -> None:
    train, val, recipe = digits()
    flat: dict[str, Value] = {"model.filters": 16, "model.normalization": "batch", "train.epochs": 5, "augment.mixup": 0.2}
    *_, last = Training(parse("cnn", {**flat, "augment.cutmix": 0.5}), recipe, seed=0).fit(train, val)
    assert last.val_accuracy is not None and last.val_accuracy > 0.9


def test_checkpoints_between_epochs_change_nothing() -> None:
    train, recipe = noise()
    quiet, saving = (Training(parse("cnn", {**SMALL, "train.epochs": 2}), recipe, seed=1) for _ in range(2))
    list(quiet.fit(train, None))
    for _ in saving.fit(train, None):
        saving.checkpoint()
    assert _weights(quiet) == _weights(saving)


def test_another_seed_starts_elsewhere() -> None:
    _, recipe = noise()
    first, second = (Training(parse("cnn", SMALL), recipe, seed=seed) for seed in (1, 2))
    assert _weights(first) != _weights(second)


def test_global_random_numbers_are_left_alone() -> None:
    train, recipe = noise()
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    list(Training(parse("cnn", {**SMALL, "train.epochs": 1, "model.dropout": 0.5}), recipe, seed=1).fit(train, train))
    assert torch.equal(torch.rand(4), expected)


def test_the_digits_are_learned_in_a_few_epochs() -> None:
    train, val, recipe = digits()
    flat: dict[str, Value] = {"model.filters": 16, "model.filters_growth": 1.5, "model.normalization": "batch", "train.epochs": 5}
    curve = list(Training(parse("cnn", flat), recipe, seed=0).fit(train, val))
    assert [metrics.epoch for metrics in curve] == [1, 2, 3, 4, 5]
    assert curve[-1].val_accuracy is not None and curve[-1].val_accuracy > 0.9
    assert curve[-1].train_loss < curve[0].train_loss
    assert all(metrics.seconds > 0 for metrics in curve)


def test_two_classes_are_learned_with_one_logit() -> None:
    train, val, recipe = digits()
    flat: dict[str, Value] = {"model.filters": 8, "train.epochs": 5}
    training = Training(parse("cnn", flat), recipe.model_copy(update={"classes": ("0", "1")}), seed=0)
    accuracies = [metrics.val_accuracy for metrics in training.fit(only(train, (0, 1)), only(val, (0, 1)))]
    assert accuracies[-1] is not None and accuracies[-1] > 0.98


def test_without_a_val_split_only_the_train_loss_is_measured() -> None:
    train, recipe = noise()
    (metrics,) = Training(parse("cnn", {**SMALL, "train.epochs": 1}), recipe, seed=0).fit(train, None)
    assert set(metrics.metrics()) == {"train_loss", "seconds"}
    assert metrics.val_loss is None


def test_the_train_loss_is_the_mean_over_samples() -> None:
    train, recipe = noise(17)
    frozen: dict[str, Value] = {**SMALL, "train.epochs": 1, "train.optimizer": "sgd", "train.learning_rate": 1e-30}
    (metrics,) = Training(parse("cnn", frozen), recipe, seed=0).fit(train, train)
    training = Training(parse("cnn", frozen), recipe, seed=0)  # 17 = 16 + 1: the last batch of one sample is left out
    (other,) = training.fit(train, None)
    assert metrics.train_loss == other.train_loss
    assert metrics.train_loss == pytest.approx(metrics.val_loss, rel=0.2)


# each step multiplies the weights by 1 - learning rate · weight decay
EXPLODING: dict[str, Value] = {
    "train.optimizer": "sgd",
    "train.learning_rate": 10.0,
    "train.weight_decay": 1.0,
    "train.epochs": 1000,
}


@pytest.mark.parametrize("val", [True, False])
def test_a_loss_that_is_not_finite_stops_the_training_at_once(val: bool) -> None:
    train, recipe = noise(64)
    training = Training(parse("cnn", {**SMALL, **EXPLODING}), recipe, seed=0)
    with pytest.raises(Diverged, match="diverged in epoch") as caught:
        for metrics in training.fit(train, train if val else None):
            assert all(math.isfinite(value) for value in metrics.metrics().values())
    assert caught.value.epoch == len(training.history) + 1


@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_the_first_step_with_a_poisoned_weight_is_the_one_named(poison: float) -> None:
    train, recipe = noise()
    training = Training(parse("cnn", SMALL), recipe, seed=0)
    with torch.no_grad():
        next(training.network.parameters()).fill_(poison)
    with pytest.raises(Diverged) as caught:
        next(training.fit(train, None))
    assert (caught.value.epoch, caught.value.step) == (1, 1)
    assert "epoch 1 at step 1" in str(caught.value)


def test_weights_ruined_by_the_last_step_are_noticed() -> None:
    train, recipe = noise(16)  # one batch
    flat: dict[str, Value] = {**SMALL, "train.optimizer": "sgd", "train.learning_rate": 1.0, "train.epochs": 1}
    training = Training(parse("cnn", flat), recipe, seed=0)
    next(training.network.parameters()).register_hook(lambda gradient: gradient * math.inf)
    with pytest.raises(Diverged, match="after its last step") as caught:
        list(training.fit(train, None))
    assert caught.value.step is None


def test_the_arrays_are_only_read_and_no_warning_is_given() -> None:
    train, recipe = noise()
    before = hashlib.sha256(train.images.tobytes() + train.labels.tobytes()).digest()
    flat: dict[str, Value] = {**SMALL, **RICH, **AUGMENTED, **MIXED, "train.epochs": 2}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list(Training(parse("cnn", flat), recipe, seed=0).fit(train, train))
    assert hashlib.sha256(train.images.tobytes() + train.labels.tobytes()).digest() == before


def test_a_batch_larger_than_the_data_is_the_whole_data() -> None:
    train, recipe = noise(10)
    training = Training(parse("cnn", {**SMALL, "train.batch_size": 4096, "train.epochs": 1}), recipe, seed=0)
    assert len(list(training.fit(train, None))) == 1


def test_a_network_that_does_not_fit_is_not_built() -> None:
    _, recipe = noise()
    with pytest.raises(DoesNotFit, match="max pool 4"):
        Training(parse("cnn", {"model.num_conv_layers": 4}), recipe, seed=0)


def test_the_plan_can_be_longer_than_that_of_the_checkpoint() -> None:
    train, recipe = noise()
    short = parse("cnn", {**SMALL, "train.epochs": 1})
    training = Training(short, recipe, seed=0)
    list(training.fit(train, None))
    longer = replace(short, train=short.train.model_copy(update={"epochs": 2}))
    resumed = Training(longer, recipe, seed=0, checkpoint=training.checkpoint())
    assert [metrics.epoch for metrics in resumed.fit(train, None)] == [2]


def test_cudnn_stays_on_and_deterministic_while_training() -> None:
    train, recipe = noise()
    training = Training(parse("cnn", {**SMALL, "train.epochs": 1}), recipe, seed=0)
    seen: set[tuple[bool, bool]] = set()
    training.network.register_forward_pre_hook(
        lambda *_: seen.add((torch.backends.cudnn.enabled, torch.backends.cudnn.deterministic))
    )
    list(training.fit(train, None))
    assert seen == {(True, True)}
