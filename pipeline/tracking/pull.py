"""A registered model fetched into a folder of plain files, each checked against the sha256 logged with it."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import artifacts
from pipeline.addresses import redacted
from pipeline.data.progress import waiting
from pipeline.errors import ModelNotFound, WrongValue
from pipeline.prediction.reproduce import reproduce
from pipeline.tracking.connection import connect, reaching
from pipeline.tracking.download import download
from pipeline.tracking.reference import Reference
from pipeline.tracking.refit_run import MODEL_TAG

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

ORIGIN = "pulled.json"  # marks a folder as a former pull and says where it came from
CARD = "README.md"  # the description of the version, as the registry has it now


@dataclass(frozen=True)
class Pulled:
    """Which version lies in `folder` now; alias: by which it was asked for, empty when by its number."""

    folder: str
    name: str
    version: str
    alias: str
    model_digest: str
    run_id: str
    tracking_uri: str


@dataclass(frozen=True)
class Fetched:
    """A model folder whose files are those that were registered."""

    folder: Path
    version: ModelVersion


def pull(uri: str, reference: Reference, folder: Path, add: Callable[[Fetched], None] = lambda found: None) -> Pulled:
    """Download what `reference` means, try whether it answers here as it was trained to, and put it in place.

    add: puts more files into the folder before that. A folder that is not empty is replaced only if it is a former pull, and only
    after everything was checked. Raises WrongValue, ModelNotFound, TrackingUnreachable, DigestMismatch, ExportDiffers,
    SecurityRefusal.
    """
    _refuse_foreign(folder)
    folder = folder.absolute()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with fetched(uri, reference, beside=folder) as found:
        with waiting("trying whether it answers here as it was trained to"):
            reproduce(found.folder)
        add(found)
        pulled = _origin(folder, found.version, reference, uri)
        artifacts.write_json(found.folder / ORIGIN, asdict(pulled))
        if found.version.description:
            artifacts.write_text(found.folder / CARD, found.version.description)
        _put_in_place(found.folder, folder)
    return pulled


@contextlib.contextmanager
def fetched(uri: str, reference: Reference, beside: Path | None = None) -> Iterator[Fetched]:
    """The model in a folder that is gone afterwards, its files checked; `beside`: where it is to be moved to, on the same disk.

    Raises ModelNotFound, TrackingUnreachable, DigestMismatch.
    """
    place = (beside.parent, f".{beside.name[:40]}.") if beside else (None, None)
    with reaching(uri):
        client = connect(uri)
        name = reference.name or _only_name(client)
        version = _version(client, replace(reference, name=name))
    with tempfile.TemporaryDirectory(dir=place[0], prefix=place[1]) as temporary:
        with reaching(uri), waiting(f"fetching {name} version {version.version}"):
            model = download(uri, version, Path(temporary))
        yield Fetched(model, version)


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
    remedy = "name one: convoy pull NAME DIR" if names else "run `dvc repro`, which registers the winner"
    raise ModelNotFound("which model is meant", why=why, remedy=remedy)


def _version(client: MlflowClient, wanted: Reference) -> ModelVersion:
    from mlflow.exceptions import MlflowException

    name = str(wanted.name)
    try:
        if wanted.version is None:
            return client.get_model_version_by_alias(name, wanted.alias)
        return client.get_model_version(name, wanted.version)
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "NOT_FOUND"):
            raise
    known = {model.name: model for model in client.search_registered_models()}
    if name not in known:
        why, remedy = "no model of this name is registered", f"registered are {', '.join(sorted(known)) or 'none'}"
    elif wanted.version is None:
        why, remedy = f"no version has the alias {wanted.alias}", f"its aliases are {_listed(sorted(known[name].aliases))}"
    else:
        numbers = [str(version.version) for version in client.search_model_versions(f"name = '{name}'")]
        why, remedy = f"there is no version {wanted.version}", f"its versions are {_listed(sorted(numbers, key=int))}"
    raise ModelNotFound(name, why=why, remedy=remedy)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def _origin(folder: Path, version: ModelVersion, reference: Reference, uri: str) -> Pulled:
    alias = "" if reference.version else reference.alias
    run_id, digest = str(version.run_id), version.tags[MODEL_TAG]
    return Pulled(str(folder), version.name, str(version.version), alias, digest, run_id, redacted(uri))


def _put_in_place(model: Path, folder: Path) -> None:
    """Rename, so that `folder` holds all of the model or what it held before."""
    if folder.exists():
        folder.rename(model.with_name("former"))  # deleted with the temporary folder
    model.rename(folder)
