"""A whole run against shared servers: the study in PostgreSQL, MLflow with users and artifacts through it, both restarted."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from pipeline.study import claim, studies
from pipeline.tracking import connection
from tests import repository, searches
from tests.cluster.canaries import holding
from tests.cluster.servers import MlflowServer, Postgres, environment
from tests.study.plain import seen_by_optuna

AWS = {"AWS_ACCESS_KEY_ID": "AKIACANARYCANARY", "AWS_SECRET_ACCESS_KEY": "canary-of-aws"}
CANARIES = (Postgres.PASSWORD, MlflowServer.PASSWORD, *AWS.values(), "canary-of-ray")


@pytest.fixture(scope="module")
def mlflow_server(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    with MlflowServer(tmp_path_factory.mktemp("shared"), postgres.create("mlflow")) as server:
        yield server


def convoy(folder: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A command in the project, to its end."""
    env = repository.environment(**variables)
    line = [sys.executable, "-m", "pipeline", *command]
    return subprocess.run(line, cwd=folder, env=env, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.cluster
def test_a_search_registers_and_pulls_through_shared_servers_that_restart_and_no_secret_is_written_anywhere(
    tmp_path: Path, postgres: Postgres, mlflow_server: MlflowServer, migrated_mlflow: Path
) -> None:
    study_address = postgres.create("study")
    folder = searches.write_project(
        tmp_path / "project", migrated_mlflow, epochs=(150, 200), trials=4, tracking_uri=mlflow_server.address, stopping="none"
    )
    (folder / "mlflow.db").unlink()
    variables = {
        "CONVOY_STUDY_URI": study_address,
        **mlflow_server.credentials(),
        **AWS,
        "RAY_AUTH_TOKEN": "canary-of-ray",
    }
    driver = searches.start(folder, **variables)
    output = folder / "output.txt"
    deadline = time.monotonic() + 120
    while len(searches.ledger(folder)) < 5:
        assert driver.poll() is None and time.monotonic() < deadline, output.read_text()
        time.sleep(0.05)
    status = convoy(folder, "status", "--json", **variables)
    assert json.loads(status.stdout)["search"]["driver"]["pid"] == driver.pid
    postgres.stop()
    mlflow_server.stop()
    trained = len(searches.ledger(folder))
    time.sleep(3)
    assert len(searches.ledger(folder)) > trained, "training did not go on"
    postgres.start()
    mlflow_server.start()
    assert driver.wait(timeout=200) == 0, output.read_text()

    study = studies.latest(study_address)
    assert study is not None
    states = Counter(trial.state.name for trial in seen_by_optuna(study_address, study.study_id)[1])
    assert states == {"COMPLETE": 4}
    epochs = Counter((entry["trial_key"], entry["epoch"]) for entry in searches.ledger(folder))
    assert set(epochs.values()) == {1}, "no epoch was trained twice"
    assert claim.holders(study_address) == {}
    with environment(mlflow_server.credentials()):
        client = MlflowClient(mlflow_server.address)
        experiment = client.get_experiment_by_name("convoy").experiment_id
        runs = client.search_runs([experiment], "tags.`convoy.kind` = 'trial'")
    assert Counter(run.data.tags["convoy.trial_key"] for run in runs) == Counter({key for key, _ in epochs})
    assert {run.info.status for run in runs} == {"FINISHED"}

    for command in (("refit",), ("evaluate",), ("register",), ("pull", "convoy-bands@champion", "pulled")):
        done = convoy(folder, *command, **variables)
        assert done.returncode == 0, done.stderr
        (folder / f"{command[0]}.out").write_text(done.stdout + done.stderr)
    assert (folder / "pulled/program.pt2").read_bytes() == (folder / "model/program.pt2").read_bytes()

    dumps = tmp_path / "dumps"
    dumps.mkdir()
    for name in ("study", "mlflow"):
        dump = ["pg_dump", "--dbname", postgres.address(name), "--file", str(dumps / f"{name}.sql")]
        subprocess.run(dump, check=True)
    assert "convoy_epochs" in (dumps / "study.sql").read_text()
    assert [found for place in (folder, dumps, mlflow_server.folder / "artifacts") for found in holding(place, *CANARIES)] == []


@pytest.mark.cluster
def test_who_is_not_let_in_by_mlflow_is_told_where_the_password_belongs(
    tmp_path: Path, mlflow_server: MlflowServer, migrated_mlflow: Path
) -> None:
    folder = searches.write_project(tmp_path / "project", migrated_mlflow, tracking_uri=mlflow_server.address)
    nobody = {"HOME": str(tmp_path)}
    (tmp_path / ".mlflow").mkdir()
    for variables in (nobody, nobody | {"MLFLOW_TRACKING_USERNAME": "admin", "MLFLOW_TRACKING_PASSWORD": "password1234"}):
        refused = convoy(folder, "check", **variables)
        line = next(line for line in refused.stderr.splitlines() if "E401" in line)
        assert refused.returncode == 4 and "MLFLOW_TRACKING_PASSWORD" in line and "password1234" not in refused.stderr
    credentials = tmp_path / ".mlflow/credentials"
    credentials.write_text(f"[mlflow]\nmlflow_tracking_username = admin\nmlflow_tracking_password = {MlflowServer.PASSWORD}\n")
    credentials.chmod(0o644)
    refused = convoy(folder, "check", **nobody)
    assert refused.returncode == 9 and f"chmod 600 {credentials}"[:40] in refused.stderr
    credentials.chmod(0o600)
    assert "answers" in convoy(folder, "check", **nobody).stdout


@pytest.mark.cluster
def test_who_may_not_is_told_another_remedy_than_who_is_not_let_in(
    tmp_path: Path, mlflow_server: MlflowServer, migrated_mlflow: Path
) -> None:
    folder = searches.write_project(tmp_path / "project", migrated_mlflow, tracking_uri=mlflow_server.address)
    mlflow_server.add_user("guest", "a long password")
    guest = {"MLFLOW_TRACKING_USERNAME": "guest", "MLFLOW_TRACKING_PASSWORD": "a long password"}
    refused = convoy(folder, "pull", "nothing@champion", "pulled", **guest)
    assert refused.returncode == 4
    assert "it does not allow this user to do that, or has no such thing — check the name, or ask" in refused.stderr
    alias = mlflow_server.address.replace("127.0.0.1", "127.1")
    refused = convoy(folder, "pull", "nothing@champion", "pulled", "--tracking-uri", alias, **guest)
    assert refused.returncode == 4 and "it does not answer under this name — correct the address, or have it" in refused.stderr


def test_a_password_in_an_address_is_shown_nowhere_by_a_command_that_fails(
    tmp_path: Path, migrated_mlflow: Path, postgres: Postgres
) -> None:
    folder = searches.write_project(tmp_path / "project", migrated_mlflow)
    wrong = postgres.address("nowhere").replace(Postgres.PASSWORD, "canary/of@study")
    done = convoy(folder, "status", CONVOY_STUDY_URI=wrong, MLFLOW_TRACKING_URI="http://me:canary-of-mlflow@127.0.0.1:9")
    assert done.returncode in (2, 4) and re.match(r"E\d+ ", done.stderr)
    checked = convoy(folder, "check", CONVOY_STUDY_URI=wrong, MLFLOW_TRACKING_URI="http://me:canary-of-mlflow@127.0.0.1:9")
    assert "E410" in checked.stderr and "E401" in checked.stderr
    assert "canary" not in done.stdout + done.stderr + checked.stdout + checked.stderr
    assert holding(folder, "canary") == []


def test_others_may_not_read_the_credentials_of_mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    file = tmp_path / ".mlflow" / "credentials"
    file.parent.mkdir()
    file.touch(mode=0o640)
    file.chmod(0o640)
    with pytest.raises(connection.SecurityRefusal, match="chmod 600"):
        connection.connect("http://127.0.0.1:9")
    file.chmod(0o600)
    connection.connect("http://127.0.0.1:9")
