"""A look at the data before training: real train images as a search shows them to a network, or as copies store them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Literal

from pipeline import artifacts, layout
from pipeline.data.augmentation.strengths import Augmentation
from pipeline.data.catalog.table import read_images
from pipeline.data.preparation.prepare import Prepare
from pipeline.data.preparation.recipe import Recipe
from pipeline.data.sources import open_source
from pipeline.data.split.table import read_splits
from pipeline.errors import MissingFile
from pipeline.params import Params
from pipeline.report.samples import samples
from pipeline.search.spaces import space as spaces
from pipeline.training.hyperparameters import Value

Origin = Literal["space", "copies"]  # of the strengths: the middle of the space's ranges, or preprocess.augment


def preview(params: Params, origin: Origin, point: Mapping[str, Value], count: int) -> bytes:
    """The sheet, as PNG, of `count` train images; `point` replaces strengths by dotted name.

    Reads data/catalog, data/splits, data/processed/recipe.json and the source. Raises MissingFile naming the command that
    makes what is not there, UnknownHyperparameter, WrongValue, StageOutOfDate.
    """
    strengths = _strengths(params, origin, point)
    recipe = Recipe.from_bytes(_written_by("preprocess", layout.PROCESSED / "recipe.json"))
    images = read_images(_written_by("ingest", layout.CATALOG / "catalog.parquet"))
    splits = read_splits(_written_by("split", layout.SPLITS / "splits.parquet"))
    train = images[images["digest"].isin(splits["digest"][splits["split"] == "train"])]
    summary = artifacts.read_json(layout.CATALOG / "summary.json")
    source = partial(open_source, summary["source"], summary["path"], recipe.decode)
    return samples(train, source, Prepare.of(recipe), recipe.classes, strengths, recipe.kind, count)


def _strengths(params: Params, origin: Origin, point: Mapping[str, Value]) -> Augmentation:
    space = spaces.load(Path(params.search.space))
    if origin == "space":
        known = space.middle("augment.")
    else:
        copied = params.preprocess.augment.model_dump(exclude={"copies"})
        known = {f"augment.{name}": value for name, value in copied.items()}
    return space.parse({**known, **point}).augment


def _written_by(stage: str, path: Path) -> bytes:
    try:
        return artifacts.read_bytes(path)
    except MissingFile:
        remedy = f"run `dvc repro {stage}`, which writes it"
        raise MissingFile(str(path), why="there is no such file", remedy=remedy) from None
