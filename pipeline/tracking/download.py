"""The files of a registered version, each checked against the sha256 registered with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import artifacts
from pipeline.errors import DigestMismatch
from pipeline.tracking.connection import acting_on
from pipeline.tracking.refit_run import MODEL_TAG

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

_INSIDE = "artifacts/model"  # of the logged model: the folder that refit wrote


def download(uri: str, version: ModelVersion, target: Path) -> Path:
    """The folder that refit wrote, inside `target`; raises DigestMismatch when it is not what was registered."""
    import mlflow

    place = f"models:/{version.name}/{version.version}/{_INSIDE}"
    with acting_on(uri):
        model = Path(mlflow.artifacts.download_artifacts(place, dst_path=str(target)))
    artifacts.verify_manifest(model)
    found, expected = artifacts.file_digest(model / artifacts.MANIFEST), version.tags.get(MODEL_TAG)
    if found != expected:
        why = f"expected sha256 {expected}, found {found}"
        raise DigestMismatch(f"{version.name} version {version.version}", why=why, remedy="register the model again")
    return model
