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
TRAINED_ON = "evaluation/trained_on.npy"  # of the run's artifacts: see pipeline/trained_on.py
TRAINED_ON_TAG = "convoy.trained_on_digest"  # its sha256
_FOLDER = "evaluation"  # of the run's artifacts
_DIGITS = 16


def predictions_on(client: MlflowClient, version: ModelVersion, images: str) -> bytes | None:
    """Its predictions.csv of these test images, whenever it was tested on them; None when never. Raises DigestMismatch."""
    if version.tags.get(IMAGES_TAG) == images and PREDICTIONS_TAG in version.tags:
        return fetched(client, version, f"{_FOLDER}/{PREDICTIONS}", version.tags[PREDICTIONS_TAG])
    if (digest := version.tags.get(later_tag(images))) is not None:
        return fetched(client, version, f"{_later_folder(images)}/{PREDICTIONS}", digest)
    return None


def keep_later(client: MlflowClient, version: ModelVersion, images: str, predictions: bytes) -> None:
    """With its run: what it says of other test images than those it was registered with."""
    client.log_text(str(version.run_id), predictions.decode(), f"{_later_folder(images)}/{PREDICTIONS}")
    client.set_model_version_tag(version.name, version.version, later_tag(images), artifacts.sha256(predictions))


def later_tag(images: str) -> str:
    """Of the version: sha256 of its predictions of these images."""
    return f"convoy.predictions_on.{images[:_DIGITS]}"


def _later_folder(images: str) -> str:
    return f"{_FOLDER}_later/{images[:_DIGITS]}"


def fetched(client: MlflowClient, version: ModelVersion, path: str, expected: str) -> bytes:
    """An artifact of the version's run, of this sha256; raises DigestMismatch."""
    with tempfile.TemporaryDirectory() as folder:
        content = Path(client.download_artifacts(str(version.run_id), path, folder)).read_bytes()
    found = artifacts.sha256(content)
    if found != expected:
        why = f"{path} has sha256 {found[:12]}…, not {expected[:12]}…"
        raise DigestMismatch(f"{version.name} version {version.version}", why=why, remedy="restore it in MLflow's store")
    return content
