"""Who was champion and challenger, when, why and by whose word: a log in MLflow that two writers cannot tear.

MLflow keeps no history of aliases, and the last of two writers wins there. But a parameter of a run can be written only once, and
its database refuses a second value. So the log is one run a registered model, its entries are the parameters `entry.0001`,
`entry.0002`, …: of two processes that append at once one is told that it came second, and looks again before it decides. The
aliases of the registered model follow from the log; whoever finds them behind it makes them equal.
"""

from __future__ import annotations

import datetime
import getpass
import json
import secrets
import socket
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Literal

from pipeline.tracking.wanted import KIND_TAG, NAME_TAG

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import RegisteredModel

How = Literal["gate", "promote", "rollback", "found"]

ALIASES = ("champion", "challenger")
LOG_TAG, PROJECTED_TAG = "convoy.alias_log", "convoy.alias_entries"  # of the registered model: the run; entries that aliases show
_PATIENCE_SECONDS = 0.5
_LONGEST_REASON = 2000  # characters; MLflow cuts a parameter at 6,000


@dataclass(frozen=True)
class Entry:
    """`alias` points at `version` from `when` (ISO, UTC) on; `previous` is where it pointed before. Both are empty for nowhere.

    how: gate (a registration), promote, rollback (by hand), found (moved in MLflow itself, noticed later).
    """

    alias: str
    version: str
    previous: str
    how: How
    reason: str
    who: str
    when: str


@dataclass(frozen=True)
class AliasLog:
    """The log of one registered model."""

    client: MlflowClient
    name: str
    run_id: str

    def entries(self) -> list[Entry]:
        """All of it, in order, with what was moved in MLflow itself since somebody looked."""
        suspected: tuple[int, Entry] | None = None
        while True:
            entries = self._read()
            model = self.client.get_registered_model(self.name)
            if int(model.tags.get(PROJECTED_TAG, "0")) < len(entries):
                self.project()  # somebody is about to, or was interrupted before it
                continue
            strange = _moved(entries, model)
            if strange is None:
                return entries
            if suspected != (len(entries), strange):  # it may be a slow `project`, which will look again
                suspected = (len(entries), strange)
                time.sleep(_PATIENCE_SECONDS)
            elif self._write(len(entries), replace(strange, when=_now())):
                self.project()

    def append(self, known: Sequence[Entry], entry: Entry) -> bool:
        """Whether `entry` now follows the `known` ones, with the aliases moved; not when another one came first."""
        if not self._write(len(known), entry):
            return False
        self.project()
        return True

    def project(self) -> None:
        """Make the aliases equal to the log, also when it grows meanwhile."""
        while True:
            entries = self._read()
            present = self.client.get_registered_model(self.name).aliases
            for alias, version in _aliases(entries).items():
                if version and str(present.get(alias, "")) != version:
                    self._point(alias, version)
                elif not version and alias in present:
                    self.client.delete_registered_model_alias(self.name, alias)
            self.client.set_registered_model_tag(self.name, PROJECTED_TAG, str(len(entries)))
            if len(self._read()) == len(entries):
                return

    def _point(self, alias: str, version: str) -> None:
        """Of two that add an alias at once the store refuses one, who finds it there then and moves it."""
        from mlflow.exceptions import MlflowException

        try:
            self.client.set_registered_model_alias(self.name, alias, version)
        except MlflowException:
            if alias not in self.client.get_registered_model(self.name).aliases:
                raise
            self.client.set_registered_model_alias(self.name, alias, version)

    def _read(self) -> list[Entry]:
        params = self.client.get_run(self.run_id).data.params
        entries: list[Entry] = []
        while (text := params.get(_key(len(entries)))) is not None:
            entries.append(Entry(**{name: value for name, value in json.loads(text).items() if name != "nonce"}))
        return entries

    def _write(self, place: int, entry: Entry) -> bool:
        from mlflow.exceptions import MlflowException

        value = json.dumps(asdict(entry) | {"nonce": secrets.token_hex(4)}, ensure_ascii=False)  # equal values are no conflict
        try:
            self.client.log_param(self.run_id, _key(place), value)
        except MlflowException as error:
            if error.error_code != "INVALID_PARAMETER_VALUE":
                raise
            return False
        return True


def open_log(client: MlflowClient, name: str, experiment: str) -> AliasLog:
    """The log of the registered model `name`, both created when they are missing; a new log's run is in `experiment`."""
    from mlflow.exceptions import MlflowException

    try:
        model = client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return AliasLog(client, name, _create(client, name, experiment))
    run_id = model.tags.get(LOG_TAG)
    if run_id is None or not _restored(client, run_id):
        run_id = _new_run(client, name, experiment)
        client.set_registered_model_tag(name, PROJECTED_TAG, "0")
        client.set_registered_model_tag(name, LOG_TAG, run_id)
    return AliasLog(client, name, run_id)


def entry(known: Sequence[Entry], alias: str, version: str, how: How, reason: str) -> Entry:
    """One that would follow the `known` ones, by this user, now."""
    who = f"{getpass.getuser()}@{socket.gethostname()}"
    return Entry(alias, version, holder(known, alias), how, reason[:_LONGEST_REASON], who, _now())


def holder(entries: Sequence[Entry], alias: str) -> str:
    """The version that the alias points at, empty for none."""
    return _aliases(entries)[alias]


def previous_champion(entries: Sequence[Entry]) -> str:
    """The version to go back to, empty for none: a rollback undoes what came after it, so two go back two champions."""
    line: list[str] = []
    for one in (one for one in entries if one.alias == "champion"):
        if one.how == "rollback" and one.version in line:
            del line[line.index(one.version) + 1 :]
        elif one.version:
            line = [*(version for version in line if version != one.version), one.version]
    return line[-2] if len(line) > 1 and line[-1] == holder(entries, "champion") else ""


def rolled_back(entries: Sequence[Entry], version: str) -> Entry | None:
    """The entry by which somebody took the alias from this version, unless it was champion again since."""
    found: Entry | None = None
    for one in (one for one in entries if one.alias == "champion"):
        if one.version == version:
            found = None
        elif one.how == "rollback" and one.previous == version:
            found = one
    return found


def _aliases(entries: Sequence[Entry]) -> dict[str, str]:
    """A champion is no challenger any more."""
    last = {one.alias: one.version for one in entries}
    found = {alias: last.get(alias, "") for alias in ALIASES}
    return found if found["challenger"] != found["champion"] else found | {"challenger": ""}


def _moved(entries: Sequence[Entry], model: RegisteredModel) -> Entry | None:
    for alias, version in _aliases(entries).items():
        present = str(model.aliases.get(alias, ""))
        if present != version:
            return Entry(alias, present, version, "found", "moved in MLflow itself", who="", when="")
    return None


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")


def _create(client: MlflowClient, name: str, experiment: str) -> str:
    """The run of the log; a registered model is created with its tags at once, so one of two creators is refused."""
    from mlflow.exceptions import MlflowException

    run_id = _new_run(client, name, experiment)
    try:
        client.create_registered_model(name, tags={LOG_TAG: run_id, PROJECTED_TAG: "0"})
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        client.delete_run(run_id)
        return open_log(client, name, experiment).run_id
    return run_id


def _new_run(client: MlflowClient, name: str, experiment: str) -> str:
    run = client.create_run(experiment, tags={KIND_TAG: "aliases", NAME_TAG: f"aliases of {name}"})
    client.set_terminated(run.info.run_id, "FINISHED")
    return str(run.info.run_id)


def _restored(client: MlflowClient, run_id: str) -> bool:
    """Whether the run is there, or was deleted and is there again."""
    from mlflow.exceptions import MlflowException

    try:
        if client.get_run(run_id).info.lifecycle_stage == "deleted":
            client.restore_run(run_id)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return False
    return True


def _key(place: int) -> str:
    return f"entry.{place + 1:04}"
