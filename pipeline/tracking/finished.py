"""A finished model as the registry reads it: what refit and evaluate wrote, checked to belong together."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import artifacts
from pipeline.errors import StageOutOfDate


@dataclass(frozen=True)
class FinishedModel:
    """`digest` is the sha256 of the model folder's manifest; `facts` is its model.json, `test` the evaluation's metrics.json."""

    folder: Path
    evaluation: Path
    digest: str
    facts: dict[str, Any]
    test: dict[str, Any]
    curve: list[dict[str, float]]  # one dict an epoch, metric name → value

    @property
    def classes(self) -> list[str]:
        """Class names; the index is the label."""
        return list(self.facts["classes"])

    @property
    def source(self) -> str:
        """The data source it was trained on."""
        return str(self.facts["recipe"]["source"])

    def test_metrics(self) -> dict[str, float]:
        """The test_… metrics by name."""
        return {name: float(value) for name, value in self.test.items() if name.startswith("test_") and _is_number(value)}


def read_finished(folder: Path, evaluation: Path) -> FinishedModel:
    """Raises MissingFile, DigestMismatch, or StageOutOfDate when the evaluation is of another model."""
    artifacts.verify_manifest(folder)
    digest = artifacts.file_digest(folder / artifacts.MANIFEST)
    test = artifacts.read_json(evaluation / "metrics.json")
    if test["model_digest"] != digest:
        why = f"it measured model {test['model_digest'][:12]}…, the model here is {digest[:12]}…"
        raise StageOutOfDate("the evaluation", where=str(evaluation), why=why, remedy="run `dvc repro`")
    facts = artifacts.read_json(folder / "model.json")
    return FinishedModel(folder, evaluation, digest, facts, test, _curve(folder / "curves.csv"))


def _curve(file: Path) -> list[dict[str, float]]:
    rows = csv.DictReader(io.StringIO(artifacts.read_bytes(file).decode()))
    return [{name: float(value) for name, value in row.items() if name != "epoch"} for row in rows]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
