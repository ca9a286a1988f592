"""evaluate: the model on the sealed test split, which no other stage opens → results/evaluation/."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from pipeline import artifacts, layout
from pipeline.data.preparation import packed
from pipeline.data.preparation.recipe import Recipe
from pipeline.data.split.table import read_splits
from pipeline.data.split.verify import verify
from pipeline.errors import CertificateBroken, StageOutOfDate
from pipeline.measurement import Measurement, measure
from pipeline.report import figures, scores
from pipeline.training import program
from pipeline.training.hyperparameters import parse
from pipeline.training.settings import EvaluateParams


def run(params: EvaluateParams) -> None:
    """Measure the network that is registered on the test images as preprocess stored them.

    Raises CertificateBroken, before the test images are opened, when the split is not the one that was certified or the model
    was trained on other images than its train and val.
    """
    artifacts.verify_manifest(layout.MODEL)
    sides = _certified_sides()
    recipe = _recipe()
    for name, expected in recipe.digests.items():
        _require_the_same(name, packed.read_digests(layout.PROCESSED / name, expected), sides)
    sealed = artifacts.read_json(layout.TEST_SEAL)["digest"]
    test = packed.read(layout.PROCESSED / "test", sealed)
    _require_the_same("test", test.digests, sides)
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
    artifacts.write_text(layout.EVALUATION / "scores.md", scores.page(facts["selection"], metrics))
    print("\n".join(scores.lines(facts["selection"], metrics)))


def _certified_sides() -> pd.Series[str]:
    """digest → side; raises CertificateBroken with everything that is wrong with the split."""
    splits = read_splits(artifacts.read_bytes(layout.SPLITS / "splits.parquet"))
    problems = verify(artifacts.read_json(layout.CERTIFICATE), splits)
    if problems:
        raise CertificateBroken("the split", where=str(layout.CERTIFICATE), why="; ".join(problems), remedy="run `dvc repro`")
    return splits.set_index("digest")["split"]


def _require_the_same(name: str, digests: Iterable[str], sides: pd.Series[str]) -> None:
    found, certified = set(digests), set(sides.index[sides == name])
    if found != certified:
        strangers, absent = len(found - certified), len(certified - found)
        why = f"{strangers} packed {name} images are not on the {name} side, {absent} of it are not packed"
        raise CertificateBroken("the split", where=str(layout.PROCESSED / name), why=why, remedy="run `dvc repro`")


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
