"""The alias champion moved by hand, with the reason, and its history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.errors import ModelNotFound, WrongValue
from pipeline.tracking import alias_log
from pipeline.tracking.alias_log import AliasLog, Entry, How
from pipeline.tracking.connection import connect, reaching
from pipeline.tracking.version_tags import ALIAS_REASON_TAG

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion


def promote(uri: str, name: str, version: str, reason: str) -> Entry:
    """Make this version champion whatever the gate says; raises ModelNotFound, WrongValue when it is champion already."""
    with reaching(uri):
        client = connect(uri)
        log = _log(client, name)
        find_version(client, name, version)
        while True:
            known = log.entries()
            if alias_log.holder(known, "champion") == version:
                raise WrongValue(f"{name} version {version}", why="it is the champion already", remedy="see `convoy history`")
            if (moved := _moved(log, known, version, "promote", reason)) is not None:
                return moved


def rollback(uri: str, name: str, reason: str) -> Entry:
    """Make the champion before the present one champion again; raises ModelNotFound when there is none."""
    with reaching(uri):
        client = connect(uri)
        log = _log(client, name)
        while True:
            known = log.entries()
            version = alias_log.previous_champion(known)
            if not version:
                remedy = "name another version: `convoy promote VERSION --reason TEXT`"
                raise ModelNotFound(name, why="no version was champion before the present one", remedy=remedy)
            find_version(client, name, version)
            if (moved := _moved(log, known, version, "rollback", reason)) is not None:
                return moved


def history(uri: str, name: str) -> list[Entry]:
    """Every move of the aliases, the first one first; raises ModelNotFound."""
    with reaching(uri):
        return _log(connect(uri), name).entries()


def lines(entries: list[Entry]) -> list[str]:
    """For people: a line an entry."""
    return [
        f"{one.when[:16].replace('T', ' ')} UTC  {one.alias} {one.previous or '-'} → {one.version or '-'}  {one.how}"
        f"{f' by {one.who}' if one.who else ''}: {one.reason}"
        for one in entries
    ]


def _moved(log: AliasLog, known: list[Entry], version: str, how: How, reason: str) -> Entry | None:
    """The new entry; None when somebody else was faster."""
    entry = alias_log.entry(known, "champion", version, how, reason)
    if not log.append(known, entry):
        return None
    log.client.set_model_version_tag(log.name, version, ALIAS_REASON_TAG, f"{how} by {entry.who}: {reason}")
    return entry


def _log(client: MlflowClient, name: str) -> AliasLog:
    from mlflow.exceptions import MlflowException

    try:
        client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        known = ", ".join(sorted(model.name for model in client.search_registered_models())) or "none"
        why = "no model of this name is registered"
        raise ModelNotFound(name, why=why, remedy=f"registered are {known}") from None
    version = max(client.search_model_versions(f"name = '{name}'"), key=lambda one: int(one.version), default=None)
    if version is None:
        raise ModelNotFound(name, why="it has no version", remedy="run `dvc repro`, which registers one")
    return alias_log.open_log(client, name, client.get_run(str(version.run_id)).info.experiment_id)


def find_version(client: MlflowClient, name: str, version: str) -> ModelVersion:
    """Version `version` of the registered model; raises ModelNotFound."""
    found = {str(one.version): one for one in client.search_model_versions(f"name = '{name}'")}
    if version not in found:
        known = ", ".join(sorted(found, key=int)) or "none"
        raise ModelNotFound(name, why=f"it has no version {version}", remedy=f"its versions are {known}")
    return found[version]
