"""A stage as a job of a real cluster: sent, followed, found again, stopped, its results where DVC expects them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from mlflow import MlflowClient

from pipeline import artifacts, layout
from pipeline.study import studies
from tests import projects, repository, searches
from tests.cluster.canaries import holding
from tests.cluster.heads import Head, head
from tests.cluster.servers import S3, Postgres
from tests.repository import REPOSITORY

pytestmark = pytest.mark.cluster
CANARY = "c4n4ry-of-a-secret"
SECRET_VARIABLES = ("PGPASSWORD", "MLFLOW_TRACKING_PASSWORD", "AWS_SECRET_ACCESS_KEY", "SOME_API_KEY")
SECRET_FILES = (".env", "tls/server.pem", "credentials", "deploy/secrets/postgres")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Head]:
    with head() as started:
        yield started


@pytest.fixture
def project(cluster: Head, tmp_path: Path, migrated_mlflow: Path) -> Path:
    """A project whose searches are jobs of the cluster, and whose storage is a folder beside it."""
    root = searches.write_project(tmp_path / "project", migrated_mlflow)
    shutil.copy(REPOSITORY / "dvc.yaml", root)
    write_params(root, cluster, trials=4)
    return root


def write_params(root: Path, cluster: Head, **search: Any) -> None:
    searches.write_params(root, **search)
    file = root / "params.yaml"
    there = {"address": cluster.address, "storage": str(root.parent / "storage")}
    file.write_text(json.dumps(json.loads(file.read_text()) | {"cluster": there}))


def convoy(root: Path, cluster: Head, *command: str, code: int = 0, **environment: str) -> str:
    """What `convoy COMMAND` prints; it must end with this exit code."""
    process = searches.start(root, *command, **cluster.environment, **environment)
    found = process.wait(200)
    text = (root / "output.txt").read_text()
    (root / "output.txt").unlink()
    assert found == code, text
    return text


def jobs(root: Path, cluster: Head) -> list[dict[str, Any]]:
    """Those of this project's study."""
    known = [note.stem for note in (root / "state/jobs").glob("*.json")]
    return [job for job in json.loads(convoy(root, cluster, "jobs", "--json")) if job["job_id"] in known]


def ledger(root: Path) -> list[tuple[str, int]]:
    """Trial and epoch of every epoch that a worker began."""
    lines = [line for file in (root.parent / "storage").rglob("*.ledger") for line in file.read_text().splitlines()]
    return [(entry["trial_key"], entry["epoch"]) for entry in map(json.loads, lines)]


def test_a_search_is_a_job_and_its_results_come_back_without_a_secret_leaving(project: Path, cluster: Head) -> None:
    for name in SECRET_FILES:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(CANARY)

    assert f"those of the cluster at {cluster.address}, whose job" in convoy(project, cluster, "check")
    output = convoy(project, cluster, "search", **dict.fromkeys(SECRET_VARIABLES, CANARY))

    assert "study" in output and "begins" in output and "the search ended after 4 trials" in output
    assert "not sent, because they look secret: .env, credentials, deploy/secrets/postgres, tls/server.pem" in output
    assert {"best.yaml", "leaderboard.csv", "summary.json"} <= {file.name for file in (project / layout.SEARCH).iterdir()}
    [experiment] = MlflowClient(f"sqlite:///{project / 'mlflow.db'}").search_experiments(filter_string="name = 'convoy'")
    assert len(MlflowClient(f"sqlite:///{project / 'mlflow.db'}").search_runs([experiment.experiment_id])) == 5
    [job] = jobs(project, cluster)
    assert job["state"] == "succeeded" and job["exit_code"] == 0
    assert "4 trials done" in convoy(project, cluster, "status")
    assert "succeeded" in convoy(project, cluster, "status", job["job_id"])
    assert "the search ended" in convoy(project, cluster, "logs", job["job_id"])
    token = cluster.token_file.read_text()
    told = json.dumps(_details(cluster, job["job_id"]))
    assert CANARY not in told and token not in told
    assert holding(cluster.folder / "r", CANARY, token) == holding(project.parent / "storage", CANARY) == []
    assert "was done before" in convoy(project, cluster, "search") and len(jobs(project, cluster)) == 1


def test_a_client_that_is_killed_finds_its_job_again(project: Path, cluster: Head) -> None:
    write_params(project, cluster, trials=6, stopping="none")
    client = searches.start(project, **cluster.environment)
    _wait_for(lambda: len(ledger(project)) > 2)
    client.kill()
    client.wait()
    (project / "output.txt").unlink()

    output = convoy(project, cluster, "search")

    assert "works on it" in output and "the search ended after 6 trials" in output
    assert len(jobs(project, cluster)) == 1 and len(list((project.parent / "storage/state/studies").iterdir())) == 1
    assert max(Counter(ledger(project)).values()) == 1
    assert (project / layout.SEARCH / "best.yaml").exists()


def test_a_stopped_search_puts_its_trials_aside_and_the_same_command_goes_on(project: Path, cluster: Head) -> None:
    write_params(project, cluster, trials=6, stopping="none")
    searches_epochs(project, 150, 200)
    submitted = convoy(project, cluster, "submit")
    job_id = re.findall(r"convoy-search-\S+-1\b", submitted)[0]
    follower = searches.start(project, **cluster.environment)
    _wait_for(lambda: len(ledger(project)) > 10)

    stopped = subprocess.run([*_PYTHON, "stop", job_id], cwd=project, env=_environment(cluster), capture_output=True, text=True)

    assert stopped.returncode == 0 and "stopped" in stopped.stdout, stopped.stderr
    assert follower.wait(60) == 143
    assert "checkpoints are kept" in (project / "output.txt").read_text()
    (project / "output.txt").unlink()
    output = convoy(project, cluster, "search")
    assert f"{job_id[:-1]}2 submitted" in output and "goes on with" in output and "the search ended after 6 trials" in output
    assert max(Counter(ledger(project)).values()) == 1, "epochs that were saved are not trained again"


def test_another_stage_goes_there_too_and_a_folder_comes_back_as_it_was_written(tmp_path: Path, migrated_mlflow: Path) -> None:
    with head(gpus=1) as cluster:
        root = searches.write_project(tmp_path / "project", migrated_mlflow)
        shutil.copy(REPOSITORY / "dvc.yaml", root)
        write_params(root, cluster)
        projects.write_winner(root)
        (root / layout.SEARCH / "front.yaml").write_text("{}")
        (root / "model").mkdir()
        (root / "model/of_an_earlier_run").touch()

        output = convoy(root, cluster, "submit", "--follow", "--gpus", "1", "refit")

        assert re.search(r"job convoy-refit-\w+-1 submitted", output)
        assert artifacts.verify_manifest(root / "model") and not (root / "model/of_an_earlier_run").exists()
        refused = convoy(root, cluster, "submit", "register", code=2)
        assert "the registry is a file of this machine" in refused


def test_a_job_that_fails_says_why_and_another_command_tries_again(project: Path, cluster: Head) -> None:
    write_params(project, cluster, trials=2, cpus_per_trial=64)
    output = convoy(project, cluster, "search", code=11)
    assert "E001" in output and "E111" in output and "exit code 10" in output
    assert "-2 submitted" in convoy(project, cluster, "search", code=11)


def test_while_a_job_searches_another_search_on_its_study_is_refused(project: Path, cluster: Head) -> None:
    searches_epochs(project, 150, 200)
    submitted = convoy(project, cluster, "submit")
    job_id = re.findall(r"convoy-search-\S+-1\b", submitted)[0]
    write_params(project, cluster, trials=9)
    refused = convoy(project, cluster, "search", code=6)
    assert f"convoy stop {job_id}" in refused
    convoy(project, cluster, "stop", job_id)


def test_without_a_shared_folder_study_and_files_are_in_servers_whose_passwords_only_the_head_has(
    tmp_path: Path, migrated_mlflow: Path
) -> None:
    with Postgres(tmp_path) as postgres, S3(tmp_path) as objects:
        postgres.create("studies")
        database, storage = postgres.address("studies", password=False), f"{objects.create('bucket')}/convoy"
        keys = tmp_path / "keys"
        keys.write_text(f"[default]\naws_access_key_id = {objects.KEY}\naws_secret_access_key = {objects.SECRET}\n")
        keys.chmod(0o600)
        secret = {"PGPASSFILE": str(postgres.password_file(tmp_path)), "AWS_SHARED_CREDENTIALS_FILE": str(keys)}
        with head(**secret) as cluster:
            root = searches.write_project(tmp_path / "project", migrated_mlflow, trials=3)
            shutil.copy(REPOSITORY / "dvc.yaml", root)
            written = json.loads((root / "params.yaml").read_text())
            there = {"address": cluster.address, "storage": storage}
            (root / "params.yaml").write_text(json.dumps(written | {"cluster": there}))
            known = {"AWS_ENDPOINT_URL": objects.address, "AWS_DEFAULT_REGION": "us-east-1"}

            assert "cluster.study" in convoy(root, cluster, "search", code=2, **secret, **known)
            output = convoy(root, cluster, "search", CONVOY_STUDY_URI=database, **secret, **known)

            assert "the search ended after 3 trials" in output and (root / layout.SEARCH / "best.yaml").exists()
            assert not (root / "state/studies.db").exists() and not (root / "state/studies").exists()
            assert len(studies.rows(postgres.address("studies"))) == 1
            assert holding(cluster.folder / "r", postgres.PASSWORD, objects.SECRET) == []


def test_dvc_runs_the_search_as_a_job_between_stages_of_this_machine(
    cluster: Head, tmp_path: Path, migrated_mlflow: Path
) -> None:
    root = tmp_path / "project"
    shutil.copytree(REPOSITORY / "pipeline", root / "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dvc.yaml", ".dvcignore", ".gitignore"):
        shutil.copy(REPOSITORY / name, root / name)
    (root / "space.yaml").write_text(searches.SPACE.format(least=1, most=2))
    (root / "data/raw").mkdir(parents=True)
    params = (REPOSITORY / "params.yaml").read_text()
    for old, new in {
        "search_spaces/cnn.yaml": "space.yaml",
        "trials: 20": "trials: 2",
        "address: local": f"address: {cluster.address}",
        "storage: null": f"storage: {tmp_path / 'storage'}",
        "seeds: 2": "seeds: 1",
    }.items():
        assert old in params
        params = params.replace(old, new)
    (root / "params.yaml").write_text(params)
    shutil.copy(migrated_mlflow, root / "mlflow.db")
    environment = {
        **_environment(cluster),
        "PYTHONPATH": "",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "DVC_SITE_CACHE_DIR": str(tmp_path / "site"),
    }

    def run(command: str) -> str:
        done = subprocess.run(
            command.split(), cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    for command in ("git init -q", "dvc init -q"):
        run(command)
    output = run("dvc repro")
    assert "job convoy-search-" in output and "the search ended after 2 trials" in output and "champion" in output
    assert "Running" not in run("dvc repro")
    assert studies.latest(f"sqlite:///{tmp_path / 'storage/state/studies.db'}") is not None
    assert not (root / "state/studies.db").exists()


@pytest.mark.parametrize(
    "method, route",
    [
        ("GET", "/api/version"),
        ("GET", "/api/jobs/"),
        ("POST", "/api/jobs/"),
        ("POST", "/api/jobs/any/stop"),
        ("DELETE", "/api/jobs/any"),
        ("GET", "/api/jobs/any/logs"),
        ("PUT", "/api/packages/gcs/any.zip"),
        ("GET", "/nodes?view=summary"),
        ("GET", "/api/cluster_status"),
    ],
)
def test_the_job_server_does_nothing_for_strangers(cluster: Head, method: str, route: str) -> None:
    for headers, code in ({}, 401), ({"Authorization": "Bearer guessed"}, 403):
        assert requests.request(method, cluster.address + route, headers=headers, timeout=30).status_code == code


def test_without_the_token_nothing_is_sent(project: Path, cluster: Head, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("guessed")
    wrong.chmod(0o600)
    tmp_path.chmod(0o700)
    assert "E901" in convoy(project, replace(cluster, token_file=wrong), "submit", code=9)


def test_an_open_cluster_is_refused_and_used_only_when_told_so(project: Path, cluster: Head) -> None:
    with head(closed=False) as door:
        write_params(project, door, trials=2)
        assert "to a stranger" in convoy(project, door, "submit", code=9)
        assert not (project.parent / "storage/files").exists()
        file = project / "params.yaml"
        file.write_text(file.read_text().replace('"cluster": {', '"cluster": {"insecure": true, '))
        assert "submitted" in convoy(project, door, "submit")


_PYTHON = (sys.executable, "-m", "pipeline")


def searches_epochs(root: Path, least: int, most: int) -> None:
    (root / "space.yaml").write_text(searches.SPACE.format(least=least, most=most))


def _environment(cluster: Head) -> dict[str, str]:
    return repository.environment(**cluster.environment)


def _details(cluster: Head, job_id: str) -> Any:
    headers = {"Authorization": f"Bearer {cluster.token_file.read_text()}"}
    return requests.get(f"{cluster.address}/api/jobs/{job_id}", headers=headers, timeout=30).json()


def _wait_for(reached: Any, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.2)
