"""Dotted names become typed values; everything wrong is said at once."""

from __future__ import annotations

import pytest

from pipeline.data.augmentation.strengths import Augmentation
from pipeline.errors import Problems, UnknownHyperparameter, UnknownName, WrongValue
from pipeline.models import cnn
from pipeline.training.hyperparameters import Value, names, parse


def test_what_is_left_out_has_its_default() -> None:
    hyperparameters = parse("cnn", {"model.num_conv_layers": 3, "train.learning_rate": 0.01, "augment.flip": 0.5})
    assert hyperparameters.model == cnn.Hyperparameters(num_conv_layers=3)
    assert (hyperparameters.train.learning_rate, hyperparameters.train.epochs) == (0.01, 10)
    assert hyperparameters.augment == Augmentation(flip=0.5)


def test_flat_names_are_read_back() -> None:
    flat = {
        **names("cnn"),
        "model.skip": True,
        "train.optimizer": "sgd",
        "augment.flip": "auto",
        "augment.policy": "trivialaugment",
    }
    assert parse("cnn", flat).flat() == flat


def test_the_family_may_be_among_the_names_as_a_trial_has_it() -> None:
    assert parse("cnn", {"family": "cnn", "train.epochs": 3}) == parse("cnn", {"train.epochs": 3})


def test_the_names_used_outside_exist() -> None:
    expected = {"model.num_conv_layers", "model.num_dense_layers", "train.epochs", "train.batch_size", "train.learning_rate"}
    assert expected <= set(names("cnn"))


@pytest.mark.parametrize(
    ("flat", "error", "text"),
    [
        ({"model.num_conv_layer": 3}, UnknownHyperparameter, "did you mean model.num_conv_layers"),
        ({"epochs": 3}, UnknownHyperparameter, "epochs"),
        ({"train.epochs": 0}, WrongValue, "train.epochs"),
        ({"train.epochs": 2.5}, WrongValue, "2.5"),
        ({"train.epochs": True}, WrongValue, "train.epochs"),
        ({"train.learning_rate": float("nan")}, WrongValue, "train.learning_rate"),
        ({"model.activation": "swish"}, WrongValue, "'relu'"),
        ({"augment.flip": 1.5}, WrongValue, "augment.flip — 1.5: .*auto or a probability"),
        ({"augment.flip": "always"}, WrongValue, "augment.flip — 'always'"),
        ({"augment.rotation_degrees": "auto"}, WrongValue, "augment.rotation_degrees"),
        ({"augment.policy": "autoaugment"}, WrongValue, "'randaugment'"),
    ],
)
def test_a_wrong_hyperparameter_is_named(flat: dict[str, Value], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        parse("cnn", flat)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(Problems) as caught:
        parse("cnn", {"train.epoch": 3, "train.batch_size": 0, "model.filters": "many"})
    assert len(caught.value.errors) == 3


def test_an_unknown_family_is_refused() -> None:
    with pytest.raises(UnknownName, match="cnn"):
        parse("transformer", {})
