"""A registered model fetched into a folder of plain files, each checked against the sha256 logged with it."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import artifacts
from pipeline.errors import DigestMismatch, ModelNotFound, WrongValue
from pipeline.tracking.connection import acting_on, connect, reaching, redacted
from pipeline.tracking.refit_run import MODEL_TAG

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

ORIGIN = "pulled.json"  # marks a folder as a former pull and says where it came from
_INSIDE = "artifacts/model"  # of the logged model: the folder that refit wrote


@dataclass(frozen=True)
class Pulled:
    """Which version lies in `folder` now."""

    folder: str
    name: str
    version: str
    alias: str
    model_digest: str
    run_id: str
    tracking_uri: str


def pull(uri: str, name: str | None, alias: str, folder: Path) -> Pulled:
    """Download the version behind `alias` of `name`, or of the only registered model.

    A folder that is not empty is replaced only if it is a former pull, and only after everything was checked. Raises
    WrongValue, ModelNotFound, TrackingUnreachable, DigestMismatch.
    """
    _refuse_foreign(folder)
    with reaching(uri):
        client = connect(uri)
        version = _version(client, name or _only_name(client), alias)
    folder = folder.absolute()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name[:40]}.") as temporary:
        with reaching(uri):
            model = download(uri, version, Path(temporary))
        pulled = _origin(folder, version, alias, uri)
        artifacts.write_json(model / ORIGIN, asdict(pulled))
        _put_in_place(model, folder)
    return pulled


def _refuse_foreign(folder: Path) -> None:
    if not folder.exists() or (folder.is_dir() and ((folder / ORIGIN).is_file() or not any(folder.iterdir()))):
        return
    why = "it holds something that `convoy pull` did not write"
    raise WrongValue(str(folder), why=why, remedy="name a new or empty folder")


def _only_name(client: MlflowClient) -> str:
    names = sorted(model.name for model in client.search_registered_models())
    if len(names) == 1:
        return str(names[0])
    why = f"registered are {', '.join(names)}" if names else "nothing is registered yet"
    remedy = "choose one with --name" if names else "run `dvc repro`, which registers the winner"
    raise ModelNotFound("which model is meant", why=why, remedy=remedy)


def _version(client: MlflowClient, name: str, alias: str) -> ModelVersion:
    from mlflow.exceptions import MlflowException

    try:
        return client.get_model_version_by_alias(name, alias)
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "NOT_FOUND"):
            raise
    known = {model.name: sorted(model.aliases) for model in client.search_registered_models()}
    if name not in known:
        why, remedy = "no model of this name is registered", f"registered are {', '.join(sorted(known)) or 'none'}"
    else:
        why, remedy = f"no version has the alias {alias}", f"its aliases are {', '.join(known[name]) or 'none'}"
    raise ModelNotFound(name, why=why, remedy=remedy)


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


def _origin(folder: Path, version: ModelVersion, alias: str, uri: str) -> Pulled:
    run_id, digest = str(version.run_id), version.tags[MODEL_TAG]
    return Pulled(str(folder), version.name, str(version.version), alias, digest, run_id, redacted(uri))


def _put_in_place(model: Path, folder: Path) -> None:
    """Rename, so that `folder` holds all of the model or what it held before."""
    if folder.exists():
        folder.rename(model.with_name("former"))  # deleted with the temporary folder
    model.rename(folder)
