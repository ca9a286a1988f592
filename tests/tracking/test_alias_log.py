"""The history of aliases: nothing is lost or torn, and what is done at once ends as if done one after the other."""

from __future__ import annotations

import multiprocessing

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from pipeline.tracking import alias_log
from pipeline.tracking.alias_log import AliasLog, Entry, How, entry, holder, open_log, previous_champion, rolled_back
from tests.tracking.racing import race


@pytest.fixture
def client(mlflow_uri: str) -> MlflowClient:
    """Of an empty store."""
    return MlflowClient(mlflow_uri, mlflow_uri)


def model_of_versions(client: MlflowClient, name: str, count: int) -> AliasLog:
    """A registered model with this many versions and an empty log."""
    log = open_log(client, name, "0")
    for _ in range(count):
        client.create_model_version(name, "file:///nowhere")
    return log


def aliases(client: MlflowClient, name: str = "m") -> dict[str, str]:
    return {alias: str(version) for alias, version in client.get_registered_model(name).aliases.items()}


def add(log: AliasLog, alias: str, version: str, how: How = "gate") -> bool:
    known = log.entries()
    return log.append(known, entry(known, alias, version, how, "because"))


def test_the_aliases_follow_the_log_and_every_entry_says_who_when_and_why(client: MlflowClient) -> None:
    log = model_of_versions(client, "m", 2)
    assert add(log, "champion", "1") and add(log, "challenger", "2")
    assert aliases(client) == {"champion": "1", "challenger": "2"}
    assert add(log, "champion", "2", "promote")
    assert aliases(client) == {"champion": "2"}, "a champion is no challenger any more"
    last = open_log(client, "m", "0").entries()[-1]
    assert (last.version, last.previous, last.how, last.reason) == ("2", "1", "promote", "because")
    assert "@" in last.who and last.when.endswith("+00:00")


def test_who_comes_second_is_told_so_and_changes_nothing(client: MlflowClient) -> None:
    log = model_of_versions(client, "m", 2)
    known = log.entries()
    assert add(log, "champion", "1")
    assert not log.append(known, entry(known, "champion", "2", "gate", "on an old view"))
    assert [one.version for one in log.entries()] == ["1"] and aliases(client) == {"champion": "1"}


def test_an_interruption_between_entry_and_alias_is_made_good(client: MlflowClient, monkeypatch: pytest.MonkeyPatch) -> None:
    log = model_of_versions(client, "m", 1)
    with monkeypatch.context() as patch:
        patch.setattr(AliasLog, "project", lambda self: None)
        assert add(log, "champion", "1")
    assert aliases(client) == {}
    assert holder(log.entries(), "champion") == "1"
    assert aliases(client) == {"champion": "1"}


def test_what_was_moved_in_mlflow_itself_is_found_and_kept(client: MlflowClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alias_log, "_PATIENCE_SECONDS", 0.0)
    log = model_of_versions(client, "m", 2)
    add(log, "champion", "1")
    client.set_registered_model_alias("m", "champion", "2")
    found = log.entries()[-1]
    assert (found.version, found.previous, found.how, found.who) == ("2", "1", "found", "")
    client.delete_registered_model_alias("m", "champion")
    assert holder(log.entries(), "champion") == "" and aliases(client) == {}
    assert len(log.entries()) == 3


@pytest.mark.parametrize("erase", ["delete", "untag"])
def test_a_log_that_somebody_deleted_comes_back_or_begins_with_what_is_there(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch, erase: str
) -> None:
    monkeypatch.setattr(alias_log, "_PATIENCE_SECONDS", 0.0)
    log = model_of_versions(client, "m", 1)
    add(log, "champion", "1")
    client.delete_run(log.run_id) if erase == "delete" else client.delete_registered_model_tag("m", alias_log.LOG_TAG)
    entries = open_log(client, "m", "0").entries()
    assert [(one.version, one.how) for one in entries] == [("1", "gate" if erase == "delete" else "found")]


def test_an_alias_that_another_added_meanwhile_is_moved(client: MlflowClient, monkeypatch: pytest.MonkeyPatch) -> None:
    log, refused = model_of_versions(client, "m", 2), []
    add_alias = MlflowClient.set_registered_model_alias

    def too_late(self: MlflowClient, name: str, alias: str, version: str) -> None:
        """As a store says it that had none when it looked and has one when it writes."""
        if not refused:
            refused.append(version)
            add_alias(self, name, alias, "1")
            raise MlflowException("UNIQUE constraint failed")
        add_alias(self, name, alias, version)

    monkeypatch.setattr(MlflowClient, "set_registered_model_alias", too_late)
    add(log, "champion", "2")
    assert refused == ["2"] and aliases(client)["champion"] == "2"


def test_a_store_that_refuses_an_alias_for_another_reason_is_heard(client: MlflowClient, monkeypatch: pytest.MonkeyPatch) -> None:
    log = model_of_versions(client, "m", 1)

    def refuse(self: MlflowClient, name: str, alias: str, version: str) -> None:
        raise MlflowException("read-only")

    monkeypatch.setattr(MlflowClient, "set_registered_model_alias", refuse)
    with pytest.raises(MlflowException, match="read-only"):
        add(log, "champion", "1")


def test_of_several_registered_at_once_the_best_is_champion_in_the_end(mlflow_uri: str, client: MlflowClient) -> None:
    rounds = [f"m{number}" for number in range(3)]
    for name in rounds:
        model_of_versions(client, name, 2)
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    racer = context.Process(target=race, args=(mlflow_uri, "0", rounds, "1", barrier))
    racer.start()
    race(mlflow_uri, "0", rounds, "2", barrier)
    racer.join(60)
    assert racer.exitcode == 0
    for name in rounds:
        told = [(one.alias, one.version, one.previous) for one in open_log(client, name, "0").entries()]
        first = [("champion", "1", ""), ("champion", "2", "1")]
        second = [("champion", "2", ""), ("challenger", "1", "")]
        assert told in (first, second), "the second was judged against the first"
        assert aliases(client, name)["champion"] == "2"


def champions(*line: tuple[str, How]) -> list[Entry]:
    """Entries of the alias champion."""
    known: list[Entry] = []
    for version, how in line:
        known.append(entry(known, "champion", version, how, ""))
    return known


@pytest.mark.parametrize(
    ("line", "previous"),
    [
        ([], ""),
        ([("1", "gate")], ""),
        ([("1", "gate"), ("2", "gate")], "1"),
        ([("1", "gate"), ("2", "gate"), ("3", "gate"), ("2", "rollback")], "1"),
        ([("1", "gate"), ("2", "gate"), ("1", "rollback")], ""),
        ([("1", "gate"), ("2", "gate"), ("1", "promote")], "2"),
        ([("1", "gate"), ("2", "gate"), ("1", "rollback"), ("3", "gate")], "1"),
        ([("1", "gate"), ("2", "gate"), ("", "found")], ""),
        ([("1", "gate"), ("", "found"), ("2", "gate")], "1"),
    ],
)
def test_the_champion_before_this_one(line: list[tuple[str, How]], previous: str) -> None:
    assert previous_champion(champions(*line)) == previous


@pytest.mark.parametrize(
    ("line", "undone"),
    [
        ([("1", "gate"), ("2", "gate")], False),
        ([("1", "gate"), ("2", "gate"), ("1", "rollback")], True),
        ([("1", "gate"), ("2", "gate"), ("1", "rollback"), ("3", "gate")], True),
        ([("1", "gate"), ("2", "gate"), ("1", "rollback"), ("2", "promote"), ("3", "gate")], False),
    ],
)
def test_a_version_that_was_rolled_back_is_remembered_until_somebody_promotes_it(
    line: list[tuple[str, How]], undone: bool
) -> None:
    assert (rolled_back(champions(*line), "2") is not None) == undone
