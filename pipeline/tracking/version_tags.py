"""What a registered version says of itself in its tags; docs/registry.md lists them all."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import artifacts
from pipeline.paired import images_digest, read_predictions
from pipeline.tracking.finished import FinishedModel
from pipeline.tracking.gate import Cost, classes_digest
from pipeline.tracking.refit_run import MODEL_TAG
from pipeline.tracking.tested import IMAGES_TAG, PREDICTIONS, PREDICTIONS_TAG, TRAINED_ON, TRAINED_ON_TAG
from pipeline.tracking.wanted import STUDY_TAG, TRIAL_TAG

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

CLASSES_TAG = "convoy.classes_digest"
ALIAS_REASON_TAG = "convoy.alias_reason"  # why it has its alias, or had it last
LICENCE_TAG = "convoy.licence"
LOOKS_TAG = "convoy.test_looks"  # how many models had seen the test images when it was registered
TEST_TAG = "convoy.test_digest"  # of the packed test split: the seal that evaluate opened
_COST = {part.name: f"convoy.{part.name}" for part in fields(Cost)}


def version_tags(model: FinishedModel) -> dict[str, str]:
    """All that follow from what refit and evaluate wrote."""
    predictions = artifacts.read_bytes(model.evaluation / PREDICTIONS)
    recipe = model.facts["recipe"]
    preparation = {name: recipe[name] for name in ("channels", "image_size", "steps", "mean", "std", "decode")}
    return {
        MODEL_TAG: model.digest,
        "convoy.test_accuracy": repr(float(model.test["test_accuracy"])),
        TEST_TAG: str(model.test["test_digest"]),
        CLASSES_TAG: classes_digest(model.classes),
        IMAGES_TAG: images_digest(read_predictions(predictions)),
        PREDICTIONS_TAG: artifacts.sha256(predictions),
        TRAINED_ON_TAG: artifacts.file_digest(model.evaluation / Path(TRAINED_ON).name),
        "convoy.classes": _json(model.classes),
        "convoy.metrics": _json(model.test),
        "convoy.preprocessing": _json(preparation),
        "convoy.family": str(model.facts["family"]),
        STUDY_TAG: str(model.facts["study_id"]),
        TRIAL_TAG: str(model.facts["trial_key"]),
        **{name: str(value) for name, value in model.facts["hyperparameters"].items()},
    }


def cost_tags(cost: Cost) -> dict[str, str]:
    """What running it takes, measured once."""
    return {_COST[name]: repr(value) for name, value in asdict(cost).items()}


def has_cost(version: ModelVersion) -> bool:
    """Whether it was measured."""
    return all(tag in version.tags for tag in _COST.values())


def cost_of(version: ModelVersion) -> Cost:
    """What cost_tags wrote."""
    latency_ms, megabytes, parameters = (version.tags[tag] for tag in _COST.values())
    return Cost(float(latency_ms), float(megabytes), int(parameters))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
