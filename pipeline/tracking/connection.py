"""How MLflow is reached: quietly, without telemetry, never blocking long, its failures as one kind of error."""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.addresses import redacted
from pipeline.errors import SecurityRefusal, TrackingUnreachable
from pipeline.mounts import refuse_network

if TYPE_CHECKING:
    from mlflow import MlflowClient

_ENVIRONMENT = {  # what the user has set stays
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",  # seconds
    # The client repeats create_run after a lost response and so makes two runs; whoever calls us comes again instead.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # two lines for each run that ends
    "GIT_PYTHON_REFRESH": "quiet",
}
_NOISY = ("mlflow", "alembic", "mlflow.store.db.utils", "mlflow.tracking.fluent", "mlflow.models.model", "mlflow.pyfunc")
_VARIABLE = "MLFLOW_TRACKING_URI"
_REFUSED = (  # how, why, remedy
    (
        re.compile(r"\b(401 error|code 401|not authenticated)"),
        "it does not let this user in",
        "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or write ~/.mlflow/credentials",
    ),
    (
        re.compile(r"Invalid Host header"),
        "it does not answer under this name",
        "correct the address, or have it started with this name among --allowed-hosts",
    ),
    (
        re.compile(r"out-of-date database schema"),
        "another MLflow made it",
        "use that one, or run `mlflow db upgrade` on a copy",
    ),
    (  # it says the same of what is not there, to users who do not manage the server
        re.compile(r"\b(403 error|code 403)"),
        "it does not allow this user to do that, or has no such thing",
        "check the name, or ask who manages the server for the permission",
    ),
)
_SQLITE = "sqlite:///"


def connect(uri: str) -> MlflowClient:
    """A client of the tracking store and registry at `uri`; the first call imports mlflow, which takes seconds."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    _refuse_an_unwritable_file(uri)
    _refuse_an_open_password(uri)
    from mlflow import MlflowClient

    _silence()
    return MlflowClient(uri, uri)


def experiment_id(client: MlflowClient, name: str, uri: str) -> str:
    """The id of the experiment, created if missing, restored if deleted; artifacts of a SQLite store go beside its file."""
    found = client.get_experiment_by_name(name)
    if found is None:
        return _create_experiment(client, name, uri)
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


@contextlib.contextmanager
def reaching(uri: str, left: Callable[[], str] = str) -> Iterator[None]:
    """Turn every way in which MLflow can be away into TrackingUnreachable; `left()` says what is not sent yet."""
    try:
        yield
    except Exception as error:
        if not _means_away(error):
            raise
        why, remedy = _explained(error)
        why = "; ".join(part for part in (left(), why) if part)
        raise TrackingUnreachable("MLflow", where=redacted(uri), why=why, remedy=remedy) from error


@contextlib.contextmanager
def acting_on(uri: str) -> Iterator[None]:
    """Inside, the functions of the module mlflow, and what its clients call beneath, act on this store; afterwards as before."""
    import mlflow

    before, variable = mlflow.get_tracking_uri(), os.environ.get(_VARIABLE)
    mlflow.set_tracking_uri(uri)  # writes the variable too
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before)
        os.environ.pop(_VARIABLE, None)
        if variable is not None:
            os.environ[_VARIABLE] = variable


def _create_experiment(client: MlflowClient, name: str, uri: str) -> str:
    from mlflow.exceptions import MlflowException

    try:
        return str(client.create_experiment(name, artifact_location=_artifact_location(uri)))
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    return experiment_id(client, name, uri)  # somebody else was faster


def _artifact_location(uri: str) -> str | None:
    file = _sqlite_file(uri)
    return (file.parent / "mlruns").as_uri() if file else None


def _sqlite_file(uri: str) -> Path | None:
    return Path(uri.removeprefix(_SQLITE)).resolve() if uri.startswith(_SQLITE) else None


def _refuse_an_unwritable_file(uri: str) -> None:
    file = _sqlite_file(uri)
    if file is None:
        return
    refuse_network(file, "MLflow's database")
    folder = next(parent for parent in file.parents if parent.exists())
    if file.is_dir() or not os.access(file if file.exists() else folder, os.W_OK) or not folder.is_dir():
        raise OSError(f"cannot write {file}")  # MLflow would retry for minutes


def _refuse_an_open_password(uri: str) -> None:
    """MLflow itself reads ~/.mlflow/credentials whoever else may read it."""
    credentials = Path.home() / ".mlflow" / "credentials"
    if uri.startswith("http") and credentials.is_file() and credentials.stat().st_mode & 0o077:
        why, remedy = "others can read the password in it", f"run `chmod 600 {credentials}`"
        raise SecurityRefusal("MLflow's credentials", where=str(credentials), why=why, remedy=remedy)


def _means_away(error: Exception) -> bool:
    if isinstance(error, OSError):  # requests.RequestException is one
        return True
    kind = type(error)
    if kind.__module__.startswith("sqlalchemy."):
        return kind.__name__ in ("OperationalError", "InterfaceError", "DatabaseError", "TimeoutError")
    return kind.__module__.startswith("mlflow.") and getattr(error, "error_code", "") != "INVALID_PARAMETER_VALUE"


def _explained(error: Exception) -> tuple[str, str]:
    """Why MLflow could not be used, and the remedy."""
    for how, why, remedy in _REFUSED:
        if how.search(str(error)):
            return why, remedy
    return _first_line(error), "start it or correct the address, then repeat the command"


def _first_line(error: Exception) -> str:
    text = redacted(str(error)).strip() or type(error).__name__
    return text.splitlines()[0][:90]


def _silence() -> None:
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
