"""evaluate: the model on the sealed test split, which no other stage opens → results/evaluation/."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from pipeline import artifacts, layout
from pipeline.data.preparation import packed
from pipeline.data.preparation.recipe import Recipe
from pipeline.errors import StageOutOfDate
from pipeline.measurement import Measurement, measure
from pipeline.report import figures
from pipeline.training import program
from pipeline.training.hyperparameters import parse
from pipeline.training.settings import EvaluateParams


def run(params: EvaluateParams) -> None:
    """Measure the network that is registered on the test images as preprocess stored them."""
    artifacts.verify_manifest(layout.MODEL)
    recipe = _recipe()
    sealed = artifacts.read_json(layout.TEST_SEAL)["digest"]
    test = packed.read(layout.PROCESSED / "test", sealed)
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
