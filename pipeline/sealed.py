"""The sealed test split, opened to measure a model only when it is the split that was certified."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from pipeline import artifacts, layout
from pipeline.data.preparation import packed
from pipeline.data.preparation.packed import Packed
from pipeline.data.preparation.recipe import Recipe
from pipeline.data.split.table import read_splits
from pipeline.data.split.verify import verify
from pipeline.errors import CertificateBroken, StageOutOfDate
from pipeline.measurement import Measurement, measure
from pipeline.training import program
from pipeline.training.hyperparameters import parse

_PREPARATION = ("decode", "channels", "image_size", "steps")  # of a recipe: what a packed image depends on


def certified_sides() -> pd.Series[str]:
    """digest → side; raises CertificateBroken with everything that is wrong with the split."""
    splits = read_splits(artifacts.read_bytes(layout.SPLITS / "splits.parquet"))
    problems = verify(artifacts.read_json(layout.CERTIFICATE), splits)
    if problems:
        raise CertificateBroken("the split", where=str(layout.CERTIFICATE), why="; ".join(problems), remedy="run `dvc repro`")
    return splits.set_index("digest")["split"]


def require_the_same(name: str, digests: Iterable[str], sides: pd.Series[str]) -> None:
    """Raises CertificateBroken when the packed images of this side are not those that were certified."""
    found, certified = set(digests), set(sides.index[sides == name])
    if found != certified:
        strangers, absent = len(found - certified), len(certified - found)
        why = f"{strangers} packed {name} images are not on the {name} side, {absent} of it are not packed"
        raise CertificateBroken("the split", where=str(layout.PROCESSED / name), why=why, remedy="run `dvc repro`")


def open_test(sides: pd.Series[str]) -> tuple[Packed, str]:
    """The test images as preprocess packed them, and the digest of that; raises CertificateBroken."""
    seal: str = artifacts.read_json(layout.TEST_SEAL)["digest"]
    test = packed.read(layout.PROCESSED / "test", seal)
    require_the_same("test", test.digests, sides)
    return test, seal


def measure_another(folder: Path, batch_size: int) -> Measurement:
    """A model that was trained elsewhere, on the test images of this project; its folder was checked before.

    Raises StageOutOfDate when these images were not prepared as it wants them. That it was not trained on them, the caller knows.
    """
    facts = artifacts.read_json(folder / "model.json")
    theirs = Recipe.from_bytes(json.dumps(facts["recipe"]).encode())
    ours = Recipe.from_bytes(artifacts.read_bytes(layout.PROCESSED / "recipe.json"))
    strange = [name for name in _PREPARATION if getattr(theirs, name) != getattr(ours, name)]
    if strange:
        why = f"its images were prepared with another {' and '.join(strange)}"
        raise StageOutOfDate("the model", where=str(folder), why=why, remedy="prepare the test images as it wants them")
    test, _ = open_test(certified_sides())
    hyperparameters = parse(facts["family"], facts["hyperparameters"])
    run = program.of_packed(hyperparameters, theirs, artifacts.read_bytes(folder / "weights.safetensors"))
    return measure(run, theirs.classes, test, batch_size)
