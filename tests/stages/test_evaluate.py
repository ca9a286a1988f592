"""evaluate measures the exported program on the test split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from pipeline import artifacts
from pipeline.errors import DigestMismatch, StageOutOfDate
from pipeline.stages import evaluate
from pipeline.training import program
from pipeline.training.settings import EvaluateParams
from tests.projects import CLASSES, write_processed

RESULTS = Path("results/evaluation")


def test_the_metrics_are_those_of_the_stored_predictions(project: Path) -> None:
    metrics = artifacts.read_json(RESULTS / "metrics.json")
    predictions = pd.read_csv(RESULTS / "predictions.csv")

    assert metrics["n"] == 30 == len(predictions)
    assert metrics["test_accuracy"] == pytest.approx((predictions.actual == predictions.predicted).mean())
    actual = predictions.apply(lambda row: row[f"p_{row.actual}"], axis=1)
    assert metrics["test_loss"] == pytest.approx(-np.log(actual).mean(), rel=1e-5)
    assert metrics["test_accuracy_low"] < metrics["test_accuracy"] <= metrics["test_accuracy_high"]
    assert metrics["test_accuracy"] > 0.9
    assert metrics["model_digest"] == artifacts.file_digest(Path("model/manifest.json"))


def test_the_predictions_are_those_of_the_program_by_digest(project: Path) -> None:
    model = program.load(Path("model/program.pt2").read_bytes())
    images = torch.from_numpy(np.load("data/processed/test/images.npy"))
    predictions = pd.read_csv(RESULTS / "predictions.csv")

    expected = model(images).detach().numpy()
    assert np.allclose(predictions[[f"p_{name}" for name in CLASSES]], expected, atol=1e-5)
    assert list(predictions.digest) == [f"test{row:04d}" for row in range(30)]


def test_the_tables_agree_with_each_other(project: Path) -> None:
    confusion = pd.read_csv(RESULTS / "confusion_matrix.csv").set_index("actual")
    per_class = pd.read_csv(RESULTS / "per_class.csv")

    assert list(confusion.index) == list(CLASSES) == list(confusion.columns) == list(per_class["class"])
    assert list(confusion.sum(axis=1)) == list(per_class.n) == [10, 10, 10]
    assert (RESULTS / "confusion_matrix.png").read_bytes().startswith(b"\x89PNG")


def test_the_batch_size_has_no_influence(project: Path) -> None:
    before = artifacts.read_json(RESULTS / "metrics.json")
    evaluate.run(EvaluateParams(batch_size=7))
    after = artifacts.read_json(RESULTS / "metrics.json")
    assert after.pop("test_loss") == pytest.approx(before.pop("test_loss"), rel=1e-5)
    assert after == before


@pytest.mark.parametrize("file", ["model/program.pt2", "model/model.json", "data/processed/test/images.npy"])
def test_a_flipped_bit_is_noticed_before_anything_is_measured(project: Path, file: str) -> None:
    content = bytearray(Path(file).read_bytes())
    content[len(content) // 2] ^= 1
    Path(file).write_bytes(content)

    with pytest.raises(DigestMismatch):
        evaluate.run(EvaluateParams())


def test_a_model_of_other_data_is_refused(project: Path) -> None:
    write_processed(project, seed=1)
    with pytest.raises(StageOutOfDate, match="other images"):
        evaluate.run(EvaluateParams())
