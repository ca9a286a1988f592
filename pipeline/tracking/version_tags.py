"""What a registered version says of itself in its tags; docs/registry.md lists them all."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING

from pipeline import artifacts
from pipeline.paired import images_digest, read_predictions
from pipeline.tracking.finished import FinishedModel
from pipeline.tracking.gate import Cost, classes_digest
from pipeline.tracking.refit_run import MODEL_TAG
from pipeline.tracking.tested import IMAGES_TAG, PREDICTIONS, PREDICTIONS_TAG

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

CLASSES_TAG = "convoy.classes_digest"
REASON_TAG = "convoy.alias_reason"  # why it has its alias, or had it last
_COST = {part.name: f"convoy.{part.name}" for part in fields(Cost)}


def version_tags(model: FinishedModel) -> dict[str, str]:
    """All that follow from what refit and evaluate wrote."""
    predictions = artifacts.read_bytes(model.evaluation / PREDICTIONS)
    return {
        MODEL_TAG: model.digest,
        "convoy.test_accuracy": repr(float(model.test["test_accuracy"])),
        "convoy.test_digest": str(model.test["test_digest"]),
        CLASSES_TAG: classes_digest(model.classes),
        IMAGES_TAG: images_digest(read_predictions(predictions)),
        PREDICTIONS_TAG: artifacts.sha256(predictions),
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
