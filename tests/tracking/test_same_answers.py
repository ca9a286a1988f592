"""One image, one answer: by MLflow's own loader, by torch, by ONNX and over HTTP."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.prediction.predict import predict
from pipeline.tracking.connection import acting_on
from tests.projects import CLASSES, images_of
from tests.serving.service import running


def test_every_way_gives_the_same_probabilities_and_class(registered: str, tmp_path: Path) -> None:
    import mlflow

    images = images_of(np.array([0, 1, 2, 0]), np.random.default_rng(3), side=23)
    files = [tmp_path / f"{index}.png" for index in range(len(images))]
    for file, pixels in zip(files, images, strict=True):
        Image.fromarray(pixels[0]).save(file)

    with acting_on(registered):
        frame = mlflow.pyfunc.load_model("models:/convoy-bands@champion").predict(images)
    ways = {"MLflow": (list(frame.label), frame[[f"p_{name}" for name in CLASSES]].to_numpy())}
    for engine in ("torch", "onnx"):
        found = list(predict(Path("model"), files, engine))  # type: ignore[arg-type]
        ways[engine] = ([one.label for one in found], np.array([list(one.probabilities.values()) for one in found]))
    with running(Path("model")) as service:
        answers = [service.ask("/predict", file.read_bytes())[1] for file in files]
    ways["HTTP"] = ([one["label"] for one in answers], np.array([list(one["probabilities"].values()) for one in answers]))

    labels, probabilities = ways["torch"]
    assert labels == [CLASSES[0], CLASSES[1], CLASSES[2], CLASSES[0]]
    for way, (said, values) in ways.items():
        assert said == labels, way
        assert values == pytest.approx(probabilities, abs=1e-4), way
