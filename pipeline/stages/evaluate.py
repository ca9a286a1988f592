"""evaluate: the model on the sealed test split, which no other stage opens → results/evaluation/."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from pipeline import artifacts, layout
from pipeline.data.preparation import packed
from pipeline.data.preparation.recipe import Recipe
from pipeline.data.split.table import read_splits
from pipeline.data.split.verify import verify
from pipeline.errors import CertificateBroken, StageOutOfDate
from pipeline.measurement import Measurement, measure
from pipeline.report import figures
from pipeline.training import program
from pipeline.training.hyperparameters import parse
from pipeline.training.settings import EvaluateParams


def run(params: EvaluateParams) -> None:
    """Measure the network that is registered on the test images as preprocess stored them.

    Raises CertificateBroken before the test images are opened when the split is not the one that was certified.
    """
    artifacts.verify_manifest(layout.MODEL)
    certified = _certified_test_side()
    recipe = _recipe()
    sealed = artifacts.read_json(layout.TEST_SEAL)["digest"]
    test = packed.read(layout.PROCESSED / "test", sealed)
    _require_the_same(set(test.digests), certified)
    facts = artifacts.read_json(layout.MODEL / "model.json")
    hyperparameters = parse(facts["family"], facts["hyperparameters"])
    model = program.of_packed(hyperparameters, recipe, artifacts.read_bytes(layout.MODEL / "weights.pt"))
    measured = measure(model, recipe.classes, test, params.batch_size)
    metrics = measured.metrics(params.confidence)
    _write_tables(layout.EVALUATION, measured)
    belongs_to = {
        "model_digest": artifacts.file_digest(layout.MODEL / artifacts.MANIFEST),
        "test_digest": sealed,
    }
    artifacts.write_json(layout.EVALUATION / "metrics.json", metrics | belongs_to)
    low, high = metrics["test_accuracy_low"], metrics["test_accuracy_high"]
    print(f"test accuracy {metrics['test_accuracy']:.4f} ({low:.4f}–{high:.4f}), n = {metrics['n']}")


def _certified_test_side() -> set[str]:
    """The digests of the test side; raises CertificateBroken with everything that is wrong with the split."""
    splits = read_splits(artifacts.read_bytes(layout.SPLITS / "splits.parquet"))
    problems = verify(artifacts.read_json(layout.CERTIFICATE), splits)
    if problems:
        raise CertificateBroken("the split", where=str(layout.CERTIFICATE), why="; ".join(problems), remedy="run `dvc repro`")
    return set(splits["digest"][splits["split"] == "test"])


def _require_the_same(packed_digests: set[str], certified: set[str]) -> None:
    strangers, absent = len(packed_digests - certified), len(certified - packed_digests)
    if strangers or absent:
        why = f"{strangers} packed test images are not on the test side, {absent} of it are not packed"
        raise CertificateBroken("the split", where=str(layout.PROCESSED / "test"), why=why, remedy="run `dvc repro`")


def _recipe() -> Recipe:
    """The recipe of data/processed; raises StageOutOfDate when the model was trained on other data."""
    recipe = Recipe.from_bytes(artifacts.read_bytes(layout.PROCESSED / "recipe.json"))
    trained = artifacts.read_json(layout.MODEL / "model.json")["recipe"]["digests"]
    if trained != recipe.digests:
        why = "the model was trained on other images than data/processed holds"
        raise StageOutOfDate("evaluate", where=str(layout.MODEL), why=why, remedy="run `dvc repro`")
    return recipe


def _write_tables(folder: Path, measured: Measurement) -> None:
    tables: dict[str, pd.DataFrame] = {
        "per_class.csv": measured.per_class(),
        "predictions.csv": measured.predictions(),
        "confusion_matrix.csv": measured.confusion_table(),
    }
    for name, table in tables.items():
        artifacts.write_text(folder / name, table.to_csv(index=False, float_format="%.9g", lineterminator="\n"))
    picture = figures.confusion_matrix(measured.confusion, measured.classes)
    artifacts.write_bytes(folder / "confusion_matrix.png", picture)
