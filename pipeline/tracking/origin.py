"""Where a model comes from: the commit and the files by which `convoy rebuild` makes it again, kept with its run."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import artifacts
from pipeline.errors import DigestMismatch

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

COMMIT_TAG = "convoy.commit"  # of the code; + behind it: with changes that no commit holds; unknown: not in git
UNKNOWN = "unknown"
SEEDS_TAG, SPLIT_TAG = "convoy.seeds", "convoy.split_digest"
SOURCE_TAG = "convoy.source_digest"  # sha256 of the manifest of the run's folder `source`
DVC_LOCK_TAG, REQUIREMENTS_TAG = "convoy.dvc_lock_digest", "convoy.requirements_digest"  # sha256 of these files
ENVIRONMENT = "environment/requirements.txt"  # of the run's artifacts: what was installed
_FOLDER = "source"


@dataclass(frozen=True)
class Origin:
    """commit: empty when it is not known; seeds: section of params.yaml → seed; files: where each lies in the project.

    split_digest: of the certified division; empty when there is none.
    """

    commit: str = ""
    seeds: Mapping[str, int] = field(default_factory=dict)
    files: tuple[Path, ...] = ()  # relative to the project; those that are not there are left out
    split_digest: str = ""

    def tags(self) -> dict[str, str]:
        """Of the version, but for SOURCE_TAG."""
        locks = {DVC_LOCK_TAG: Path("dvc.lock"), REQUIREMENTS_TAG: Path("requirements.lock")}
        digests = {tag: artifacts.file_digest(file) for tag, file in locks.items() if file in self.files and file.is_file()}
        split = {SPLIT_TAG: self.split_digest} if self.split_digest else {}
        return {COMMIT_TAG: self.commit or UNKNOWN, SEEDS_TAG: json.dumps(dict(self.seeds)), **split, **digests}


def log_origin(client: MlflowClient, run_id: str, origin: Origin) -> str:
    """Keep the files with the run; the sha256 of their manifest."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for file in origin.files:
            if file.is_file():
                artifacts.write_bytes(copy / file, artifacts.read_bytes(file))
        artifacts.write_manifest(copy)
        digest = artifacts.file_digest(copy / artifacts.MANIFEST)
        client.log_artifacts(run_id, folder, _FOLDER)
    return digest


def fetch_origin(client: MlflowClient, version: ModelVersion, folder: Path) -> Path:
    """The folder with the files as they lay in the project, inside `folder`; raises DigestMismatch when they changed."""
    copy = Path(client.download_artifacts(str(version.run_id), _FOLDER, str(folder)))
    artifacts.verify_manifest(copy)
    found, expected = artifacts.file_digest(copy / artifacts.MANIFEST), version.tags.get(SOURCE_TAG)
    if found != expected:
        why = f"the manifest of its sources has sha256 {found[:12]}…, not {str(expected)[:12]}…"
        raise DigestMismatch(f"{version.name} version {version.version}", why=why, remedy="restore it in MLflow's store")
    return copy
