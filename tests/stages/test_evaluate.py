"""evaluate measures the exported program on the test split."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from pipeline import artifacts
from pipeline.data.split.table import digest, read_splits, to_bytes
from pipeline.data.split.verify import sealed
from pipeline.errors import CertificateBroken, DigestMismatch, MissingFile, StageOutOfDate
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
    for name in ("accuracy", "loss", "precision_macro", "recall_macro", "f1_macro"):
        assert metrics[f"test_{name}_low"] <= metrics[f"test_{name}"] <= metrics[f"test_{name}_high"]
    assert metrics["test_accuracy_low"] < metrics["test_accuracy_bootstrap_low"] <= metrics["test_accuracy"]
    assert metrics["test_accuracy"] > 0.9
    assert metrics["model_digest"] == artifacts.file_digest(Path("model/manifest.json"))


def test_the_predictions_are_those_of_the_program_by_digest(project: Path) -> None:
    model = program.load(Path("model/program.pt2").read_bytes())
    images = torch.from_numpy(np.load("data/processed/test/images-00000.npy"))
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
    for name in ("test_loss", "test_loss_low", "test_loss_high", "test_calibration_error"):
        assert after.pop(name) == pytest.approx(before.pop(name), rel=1e-5)
    assert after == before


@pytest.mark.parametrize(
    "file",
    ["model/program.pt2", "model/model.json", "data/processed/train/index.csv", "data/processed/test/images-00000.npy"],
)
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


SPLITS, CERTIFICATE = Path("data/splits/splits.parquet"), Path("reports/split_certificate.json")


def test_a_split_that_is_not_the_certified_one_is_refused_before_the_test_images_are_opened(project: Path) -> None:
    splits = read_splits(SPLITS.read_bytes())
    SPLITS.write_bytes(to_bytes(splits.assign(split=splits["split"].replace("val", "train"))))
    shutil.rmtree("data/processed/test")

    with pytest.raises(CertificateBroken, match=r"E703 the split .* not the split that was certified") as caught:
        evaluate.run(EvaluateParams())
    assert caught.value.exit_code == 7


def test_a_certificate_that_was_edited_is_refused(project: Path) -> None:
    proof = artifacts.read_json(CERTIFICATE)
    artifacts.write_json(CERTIFICATE, {**proof, "seed": 1})
    with pytest.raises(CertificateBroken, match="the certificate was changed"):
        evaluate.run(EvaluateParams())


def certify_as(splits: pd.DataFrame) -> None:
    """Write this table and a certificate that vouches for it."""
    SPLITS.write_bytes(to_bytes(splits))
    proof = artifacts.read_json(CERTIFICATE)
    counts = splits["split"].value_counts().to_dict()
    artifacts.write_json(CERTIFICATE, sealed({**proof, "distinct": counts, "digests": {"splits": digest(splits)}}))


@pytest.mark.parametrize(
    ("sides", "why"),
    [
        ({"train0000": "test"}, "1 packed train images are not on the train side, 0 of it are not packed"),
        ({"test0000": "train", "test0001": "train"}, "0 packed train images are not on the train side, 2 of it are not packed"),
        ({"val0000": "test"}, "1 packed val images are not on the val side, 0 of it are not packed"),
    ],
    ids=str,
)
def test_packed_images_that_are_on_another_side_are_refused_before_the_test_images_are_opened(
    project: Path, sides: dict[str, str], why: str
) -> None:
    splits = read_splits(SPLITS.read_bytes())
    certify_as(splits.assign(split=splits["digest"].map(sides).fillna(splits["split"])))
    for file in Path("data/processed/test").glob("*.npy"):
        file.unlink()
    with pytest.raises(CertificateBroken, match=why):
        evaluate.run(EvaluateParams())


def test_packed_images_that_are_not_the_test_side_are_counted(project: Path) -> None:
    splits = read_splits(SPLITS.read_bytes())
    more = pd.DataFrame({"digest": ["new"], "split": ["test"], "fold": [None], "cluster": ["new"]}).astype(splits.dtypes)
    certify_as(pd.concat([splits, more]))
    with pytest.raises(CertificateBroken, match="0 packed test images are not on the test side, 1 of it are not packed"):
        evaluate.run(EvaluateParams())


@pytest.mark.parametrize("file", [SPLITS, CERTIFICATE], ids=str)
def test_without_a_certified_split_the_remedy_is_named(project: Path, file: Path) -> None:
    file.unlink()
    with pytest.raises(MissingFile, match=f"{file.name}.*dvc repro"):
        evaluate.run(EvaluateParams())
