"""Pictures are made from values, and the same values make the same bytes."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from pipeline.report import figures

PICTURES: dict[str, Callable[[], bytes]] = {
    "history": lambda: figures.search_history([(0, 0.5), (2, 0.7), (3, 0.6)], [(1, 0.2), (4, 0.3)], "val_accuracy", "maximize"),
    "history without a trial": lambda: figures.search_history([], [], "val_loss", "minimize"),
    "front": lambda: figures.front(
        "val_accuracy", {"parameters": [(0, 9e3, 0.9, True), (1, 9e2, 0.7, True), (2, 9e3, 0.5, False)]}, 1
    ),
    "front of two costs": lambda: figures.front("val_loss", {"a": [(n, 1.0 + n, 0.1, True) for n in range(30)], "b": []}, 7),
    "front without a trial": lambda: figures.front("val_loss", {"parameters": []}, 0),
    "curves": lambda: figures.learning_curves({"train_loss": [2.0, 1.0], "val_accuracy": [0.5, 0.8]}),
    "curves of a refit": lambda: figures.learning_curves({"train_loss": [2.0]}),
    "confusion": lambda: figures.confusion_matrix(np.array([[9, 1], [0, 0]]), ["cat_dog", "$x_$"]),
    "confusion of many classes": lambda: figures.confusion_matrix(np.eye(60, dtype=np.int64), [str(n) for n in range(60)]),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_a_png_that_depends_on_its_values_alone(name: str) -> None:
    content = PICTURES[name]()

    picture = Image.open(io.BytesIO(content))
    assert picture.format == "PNG" and min(picture.size) > 200
    assert PICTURES[name]() == content
    assert len(np.unique(np.asarray(picture.convert("L")))) > 2
