"""What a registered version said of each test image: fetched from MLflow and checked against the sha256 in its tags."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import artifacts
from pipeline.errors import DigestMismatch

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

PREDICTIONS = "predictions.csv"
IMAGES_TAG = "convoy.test_images"  # which images it was tested on, and what each is: see paired.images_digest
PREDICTIONS_TAG = "convoy.predictions_digest"  # sha256 of the run's evaluation/predictions.csv
_FOLDER = "evaluation"  # of the run's artifacts


def predictions_on(client: MlflowClient, version: ModelVersion, images: str) -> bytes | None:
    """Its predictions.csv of these test images; None when it was not tested on them. Raises DigestMismatch."""
    if version.tags.get(IMAGES_TAG) != images or PREDICTIONS_TAG not in version.tags:
        return None
    return fetched(client, version, f"{_FOLDER}/{PREDICTIONS}", version.tags[PREDICTIONS_TAG])


def fetched(client: MlflowClient, version: ModelVersion, path: str, expected: str) -> bytes:
    """An artifact of the version's run, of this sha256; raises DigestMismatch."""
    with tempfile.TemporaryDirectory() as folder:
        content = Path(client.download_artifacts(str(version.run_id), path, folder)).read_bytes()
    found = artifacts.sha256(content)
    if found != expected:
        why = f"{path} has sha256 {found[:12]}…, not {expected[:12]}…"
        raise DigestMismatch(f"{version.name} version {version.version}", why=why, remedy="restore it in MLflow's store")
    return content
