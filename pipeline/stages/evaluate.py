"""evaluate: the model on the sealed test split, which no other stage opens → results/evaluation/, with two pages on it."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from pipeline import artifacts, layout, looks, sealed, trained_on
from pipeline.data.catalog.table import read_images
from pipeline.data.preparation import packed
from pipeline.data.preparation.recipe import Recipe
from pipeline.data.preparation.standardize import Standardize
from pipeline.data.progress import waiting
from pipeline.errors import StageOutOfDate
from pipeline.explain import saliency
from pipeline.explain.lesson import lesson
from pipeline.explain.steps import steps
from pipeline.measurement import Measurement, measure
from pipeline.models.layers import Layer
from pipeline.paired import images_digest, read_predictions
from pipeline.report import figures, judged, scores
from pipeline.report.answer import Search
from pipeline.report.explainer_page import explainer_page
from pipeline.report.judged import Looked
from pipeline.report.model_page import Model, model_page
from pipeline.training import program
from pipeline.training.hyperparameters import parse
from pipeline.training.settings import EvaluateParams

_STATE = Path("state")  # of the project in the working directory


def run(params: EvaluateParams, state: Path = _STATE) -> None:
    """Measure the network that is registered on the test images as preprocess stored them, and write down in `state` that it was.

    Raises CertificateBroken, before the test images are opened, when the split is not the one that was certified or the model
    was trained on other images than its train and val.
    """
    artifacts.verify_manifest(layout.MODEL)
    sides = sealed.certified_sides()
    recipe = _recipe()
    trained = {name: packed.read_digests(layout.PROCESSED / name, expected) for name, expected in recipe.digests.items()}
    for name, digests in trained.items():
        sealed.require_the_same(name, digests, sides)
    test, seal = sealed.open_test(sides)
    facts = artifacts.read_json(layout.MODEL / "model.json")
    hyperparameters = parse(facts["family"], facts["hyperparameters"])
    weights = artifacts.read_bytes(layout.MODEL / "weights.safetensors")
    measured = measure(program.of_packed(hyperparameters, recipe, weights), recipe.classes, test, params.batch_size)
    belongs_to = {
        "model_digest": artifacts.file_digest(layout.MODEL / artifacts.MANIFEST),
        "test_digest": seal,
    }
    looks.note(state, images_digest(read_predictions(measured.predictions_csv())), belongs_to["model_digest"])
    metrics = measured.metrics(params.confidence) | belongs_to
    _write_tables(layout.EVALUATION, measured)
    artifacts.write_json(layout.EVALUATION / "metrics.json", metrics)
    artifacts.write_bytes(layout.EVALUATION / "trained_on.npy", trained_on.to_bytes(itertools.chain(*trained.values())))
    artifacts.write_text(layout.EVALUATION / "scores.md", scores.page(facts["selection"], metrics))
    print("\n".join(scores.lines(facts["selection"], metrics)))  # before the pages, which take seconds
    network = program.network_of(hyperparameters, recipe, weights)
    with waiting("drawing the report"):
        _write_pages(layout.EVALUATION, measured, metrics, facts, hyperparameters.layers(len(recipe.classes)), network, recipe)
    print(f"report: {layout.EVALUATION / 'report.html'}")


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
        "confusion_matrix.csv": measured.confusion_table(),
    }
    for name, table in tables.items():
        artifacts.write_text(folder / name, table.to_csv(index=False, float_format="%.9g", lineterminator="\n"))
    artifacts.write_bytes(folder / "predictions.csv", measured.predictions_csv())
    picture = figures.confusion_matrix(measured.confusion, measured.classes)
    artifacts.write_bytes(folder / "confusion_matrix.png", picture)


def _write_pages(
    folder: Path,
    measured: Measurement,
    metrics: Mapping[str, Any],
    facts: Mapping[str, Any],
    layers: Sequence[Layer],
    network: nn.Module,
    recipe: Recipe,
) -> None:
    """The report, and the page that explains the network."""
    found, standardize = steps(layers, recipe.shape), Standardize.of(recipe)
    refit = _csv(layout.MODEL / "curves.csv")["train_loss"].tolist()
    model = Model(facts, refit, sum(step.multiply_adds for step in found))
    search = Search(
        artifacts.read_json(layout.SEARCH / "study.json"),
        artifacts.read_json(layout.SEARCH / "summary.json"),
        *(_csv(layout.SEARCH / name) for name in ("leaderboard.csv", "curves.csv", "time.csv")),
    )
    rows, names = judged.to_look_at(measured), _files(measured.test.digests)
    images = np.stack([measured.test.images[row : row + 1][0] for row in rows])
    attributed = saliency.attributions(network, standardize, images, measured.probabilities[rows].argmax(1))
    overlays = map(saliency.overlay, images, attributed)
    looked = [Looked(row, picture) for row, picture in zip(rows, overlays, strict=True)]
    certificate = artifacts.read_json(layout.CERTIFICATE)
    page = model_page(model, search, measured, metrics, looked, names, certificate)
    artifacts.write_text(folder / "report.html", page)
    told = lesson(network, layers, recipe.shape, standardize(torch.from_numpy(images)))
    walked = [judged.walked(measured, rows[place], names) for place in told["walked"]]
    artifacts.write_text(folder / "explainer.html", explainer_page(found, told, walked, facts, metrics["model_digest"]))


def _files(digests: Iterable[str]) -> dict[str, str]:
    """digest → the first file that holds this image."""
    images = read_images(artifacts.read_bytes(layout.CATALOG / "catalog.parquet"))
    first = images.drop_duplicates("digest").set_index("digest")["path"]
    return {str(digest): str(path) for digest, path in first.loc[first.index.intersection(list(digests))].items()}


def _csv(file: Path) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(artifacts.read_bytes(file)))
