"""What is shown of a test: the surest mistakes first, every class in turn, the worst of many classes."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.data.preparation.packed import Packed
from pipeline.measurement import Measurement
from pipeline.report import judged


def measured(labels: list[int], said: list[int], sure: list[float], classes: int) -> Measurement:
    """Images of 4×4 that a network took for `said`, each with this probability."""
    probabilities = np.full((len(labels), classes), 0.0, np.float32)
    for row, (name, p) in enumerate(zip(said, sure, strict=True)):
        probabilities[row] = (1 - p) / (classes - 1)
        probabilities[row, name] = p
    pixels = np.random.default_rng(0).integers(0, 256, (len(labels), 1, 4, 4)).astype(np.uint8)
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (labels, said), 1)
    packed = Packed(pixels, np.array(labels), [f"digest{row}" for row in range(len(labels))])
    return Measurement([f"class {n}" for n in range(classes)], packed, probabilities, confusion)


THREE = measured([0, 1, 2, 0, 1], [0, 2, 2, 1, 1], [0.9, 0.6, 0.8, 0.95, 0.7], 3)


def test_the_mistakes_of_which_the_model_was_surest_come_first() -> None:
    assert judged.mistakes(THREE) == [3, 1]


def test_of_each_class_the_surest_right_answer_is_looked_at_and_then_mistakes() -> None:
    assert judged.to_look_at(THREE) == [0, 4, 2, 3, 1]
    assert len(judged.to_look_at(measured([*range(12)] * 2, [*range(12)] + [0] * 12, [0.9] * 24, 12))) == 8


def test_an_image_is_told_with_its_file_and_what_was_said_of_it() -> None:
    told = judged.judged(THREE, {"digest3": "a/b.png"}, [], 0.95)["mistakes"]
    assert [one["file"] for one in told] == ["a/b.png", "digest1"]
    assert (told[0]["actual"], told[0]["predicted"], told[0]["p"], told[0]["right"]) == ("class 0", "class 1", "95.0%", False)


def test_what_is_confused_most_is_named_with_its_share() -> None:
    first, *_ = judged.judged(measured([0] * 5, [1, 1, 1, 2, 0], [0.9] * 5, 3), {}, [], 0.95)["confused"]
    assert (first["actual"], first["predicted"], first["count"], first["of"]) == ("class 0", "class 1", 3, 5)


@pytest.mark.parametrize(("classes", "listed", "whole"), [(20, 20, True), (41, 40, False)])
def test_of_many_classes_the_worst_are_listed_and_the_matrix_is_left_to_its_file(classes: int, listed: int, whole: bool) -> None:
    told = judged.judged(measured([*range(classes)], [*range(classes - 1), 0], [0.9] * classes, classes), {}, [], 0.95)
    assert len(told["listed"]) == listed and (told["confusion"] is not None) == whole
    assert whole or told["listed"][0]["name"] == f"class {classes - 1}"


def test_two_classes_have_curves_unless_one_of_them_is_missing() -> None:
    assert len(judged.judged(measured([0, 1, 1], [0, 1, 0], [0.9, 0.8, 0.6], 2), {}, [], 0.95)["binary"]) == 2
    assert judged.judged(measured([0, 0], [0, 1], [0.9, 0.8], 2), {}, [], 0.95)["binary"] == []
