"""The processes of deploy/compose.yaml started by hand: PostgreSQL and object storage, and MLflow's server before them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from ruamel.yaml import YAML

from tests.cluster.servers import S3, Postgres, free_port
from tests.repository import REPOSITORY

pytestmark = pytest.mark.cluster
DEPLOY = REPOSITORY / "deploy"
_START_SECONDS = 120.0


@contextmanager
def _mlflow(folder: Path) -> Iterator[tuple[str, str]]:
    """The server as compose.yaml has it, but for addresses; yields its address and the administrator's password."""
    shutil.copy(DEPLOY / "make-secrets.sh", folder)
    subprocess.run(["sh", "make-secrets.sh"], cwd=folder, check=True, capture_output=True)
    secrets, port = folder / "secrets", free_port()
    with Postgres(folder) as postgres, S3(folder) as objects:
        (secrets / "pgpass").write_text(f"*:*:*:{postgres.USER}:{postgres.PASSWORD}\n")
        keys = f"[default]\naws_access_key_id = {objects.KEY}\naws_secret_access_key = {objects.SECRET}\n"
        (secrets / "s3_credentials").write_text(keys)
        for database in ("mlflow", "mlflow_users"):
            postgres.create(database)
        objects.create("mlflow")
        server = f"{postgres.USER}@127.0.0.1:{postgres.port}"
        hosts = f"localhost:{port},127.0.0.1:{port}"
        compose = YAML(typ="safe").load(DEPLOY / "compose.yaml")["services"]["mlflow"]["environment"]
        environment = compose | {
            "CONVOY_MLFLOW_RUNS": compose["CONVOY_MLFLOW_RUNS"].replace("convoy@postgres", server),
            "CONVOY_MLFLOW_USERS": compose["CONVOY_MLFLOW_USERS"].replace("convoy@postgres", server),
            "CONVOY_MLFLOW_HOSTS": hosts,
            "CONVOY_MLFLOW_ORIGINS": f"http://localhost:{port}",
            "CONVOY_MLFLOW_LISTEN": "127.0.0.1",
            "CONVOY_MLFLOW_PORT": str(port),
            "CONVOY_SECRETS": str(secrets),
            "PGPASSFILE": str(secrets / "pgpass"),
            "AWS_SHARED_CREDENTIALS_FILE": str(secrets / "s3_credentials"),
            "MLFLOW_S3_ENDPOINT_URL": objects.address,
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        with (folder / "output").open("w") as output:
            script = ["sh", str(DEPLOY / "mlflow-server.sh")]
            process = subprocess.Popen(script, env=environment, cwd=folder, stdout=output, stderr=output, start_new_session=True)
        try:
            _wait(f"http://127.0.0.1:{port}/health", process, folder / "output")
            yield f"http://127.0.0.1:{port}", (secrets / "mlflow_admin_password").read_text()
        finally:
            process.terminate()
            process.wait(30)


def _wait(address: str, process: subprocess.Popen[bytes], output: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if requests.get(address, timeout=5).status_code == 200:
                return
        except requests.ConnectionError:
            time.sleep(0.5)
    raise AssertionError(output.read_text())


def test_mlflow_keeps_runs_in_postgresql_and_artifacts_in_the_object_storage_and_lets_in_who_has_a_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _mlflow(tmp_path) as (address, password):
        search = f"{address}/api/2.0/mlflow/experiments/search?max_results=5"
        assert requests.get(search, timeout=30).status_code == 401
        assert requests.get(search, auth=("admin", "password1234"), timeout=30).status_code == 401, "MLflow's own default"
        assert requests.get(search, auth=("admin", password), timeout=30).status_code == 200
        rebound = requests.get(search, auth=("admin", password), headers={"Host": "attacker.example.org"}, timeout=30)
        assert rebound.status_code == 403
        foreign = {"Origin": "https://attacker.example.org"}
        create = f"{address}/api/2.0/mlflow/experiments/create"
        assert requests.post(create, json={"name": "x"}, auth=("admin", password), headers=foreign, timeout=30).status_code == 403

        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password)
        from pipeline.tracking.connection import connect

        client = connect(address)
        run = client.create_run(client.create_experiment("convoy"))
        client.log_text(run.info.run_id, "kept", "note.txt")
        assert client.get_run(run.info.run_id).info.artifact_uri.startswith("mlflow-artifacts:")
        [stored] = (tmp_path / "s3/buckets/mlflow").rglob("note.txt")
        assert stored.read_text() == "kept"
    assert password not in (tmp_path / "output").read_text()
