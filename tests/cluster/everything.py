"""All that Convoy can stand on, at once: a cluster whose hosts share no folder, PostgreSQL, MLflow with users, a server for SSH,
and somebody's clone of this repository, in which `dvc repro` runs.
"""

from __future__ import annotations

import hashlib
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Run

from pipeline.study import store, studies
from pipeline.study.records import StudySnapshot
from pipeline.tracking.connection import connect
from tests.clones import clone, commit
from tests.cluster.hosts import HOME, TOKEN, Host, network, start_ray
from tests.cluster.searching import Cluster, Driver
from tests.cluster.servers import MlflowServer, Postgres, Sshd, environment

USERS = {name: f"of-{name}-{secrets.token_hex(8)}" for name in ("ann", "bob")}  # of MLflow: who works, who only takes the model
DASHBOARD = "127.0.0.1:8265"


@dataclass
class Everything:
    """The cluster, and the host beside it with the servers that all share."""

    cluster: Cluster
    postgres: Postgres
    mlflow: MlflowServer
    sshd: Sshd  # for checkpoints, files of jobs and what DVC pushes
    door: Sshd  # of the cluster's head

    def join(self, count: int) -> None:
        """So many nodes more, which reach the storage."""
        self.sshd.introduce_to(*self.cluster.join(count, shares=False))

    def user(self, host: Host, name: str = "ann") -> None:
        """Somebody who works on this host, with the passwords where clients look for them."""
        self.sshd.introduce_to(host)
        host.write(f"{HOME}/.mlflow/credentials", _credentials(name))
        if name == "ann":  # whose the studies are
            host.write(f"{HOME}/.pgpass", self.postgres.password_line())

    def project(self, name: str, host: Host, space: str, params: Mapping[str, str], address: str = "auto") -> Project:
        """Of ann, on a host; of its name are its study's database, experiment, model and storage."""
        (self.sshd.folder / name).mkdir()
        made = Project(self, name, host)
        self.postgres.create(name)
        self.cluster.shared = made.storage  # where the ledger is
        there = {
            "tracking_uri: null": f"tracking_uri: {self.mlflow.address}",
            "experiment: convoy": f"experiment: {name}",
            "name: auto": f"name: {name}",
            "address: local": f"address: {address}",
            "storage: null": f"storage: {self.sshd.address(made.storage)}",
            "study: null": f"study: {self.postgres.address(name, password=False)}",
        }
        write_clone(made.folder, space, {**params, **there})
        commit(made.run, "begun")
        return made

    def passwords(self) -> list[str]:
        """All that only their owners may know: those of servers and users, keys, the token of the cluster."""
        keys = [sshd.key.read_text().splitlines()[1] for sshd in (self.sshd, self.door)]
        return [Postgres.PASSWORD, MlflowServer.PASSWORD, *USERS.values(), *keys, self.cluster.head.path(TOKEN).read_text()]


@dataclass
class Project:
    """Somebody's work on a host, as it is found from here."""

    at: Everything
    name: str
    host: Host

    @property
    def folder(self) -> Path:
        return self.host.path(f"/tmp/{self.name}")

    @property
    def storage(self) -> Path:
        """That of its checkpoints, on the host with the servers and from here."""
        return self.at.sshd.folder / self.name

    @property
    def variables(self) -> dict[str, str]:
        ssh = f"ssh -F {HOME}/.ssh/config"  # which looks for the home of its user elsewhere
        private = {"DVC_SITE_CACHE_DIR": f"/tmp/{self.name}/.dvc/tmp/site", "DVC_NO_ANALYTICS": "1"}
        return {"GIT_SSH_COMMAND": ssh, **private}

    def run(self, *command: str) -> str:
        """What a command prints here, which has to succeed."""
        return self.host.run(*command, cwd=f"/tmp/{self.name}", timeout=900, **self.variables)

    def repro(self) -> Driver:
        """`dvc repro`, which runs on."""
        file = self.folder / "state/output.txt"
        file.parent.mkdir(exist_ok=True)
        with file.open("a") as output:
            command = ("python", "-m", "dvc", "repro")
            return Driver(self.host.popen(*command, cwd=f"/tmp/{self.name}", output=output, **self.variables), file)

    def stages(self) -> list[int]:
        """The pids of the searches that DVC has started here, as this machine counts."""
        line = ["python", "-m", "pipeline", "search"]
        return [pid for pid, command in self.host.commands().items() if command == line]

    def snapshot(self) -> StudySnapshot:
        """The one study there is, as it is now."""
        url = self.at.postgres.address(self.name)
        with self.host.network_of():
            row = studies.latest(url)
            assert row is not None
            return store.read(url, row.study_id)

    def database(self, name: str) -> str:
        """All that a database of the server holds, as text."""
        return self.host.run("pg_dump", "--dbname", self.at.postgres.address(name))

    def runs(self) -> list[Run]:
        """All that MLflow shows of it."""
        with self._mlflow() as client:
            experiment = client.get_experiment_by_name(self.name)
            assert experiment is not None
            return list(client.search_runs([experiment.experiment_id]))

    def curve(self, run: Run) -> list[int]:
        """The epochs that MLflow shows of a run."""
        with self._mlflow() as client:
            return [point.step for point in client.get_metric_history(run.info.run_id, "val_accuracy")]

    def versions(self) -> list[tuple[str, list[str]]]:
        """Those of its registered model, with their aliases."""
        with self._mlflow() as client:
            found = client.search_model_versions(f"name = '{self.name}'")
            return [(one.version, client.get_model_version(self.name, one.version).aliases) for one in found]

    @contextmanager
    def _mlflow(self) -> Iterator[MlflowClient]:
        variables = {"MLFLOW_TRACKING_USERNAME": "ann", "MLFLOW_TRACKING_PASSWORD": USERS["ann"]}
        with self.host.network_of(), environment(variables):
            yield connect(self.at.mlflow.address)


@contextmanager
def everything(folder: Path) -> Iterator[Everything]:
    """On hosts of a network of its own, with the files of the servers in `folder`; the cluster has no node but its head yet."""
    with network() as hosts:
        (folder / "head").mkdir()
        head, serving = hosts.add(seen=[folder / "head"]), hosts.add(seen=[folder])
        start_ray(head, "--include-dashboard=true", "--dashboard-host=127.0.0.1", "--dashboard-port=8265", cpus=0)
        with (
            Postgres(folder, serving) as postgres,
            MlflowServer(folder, postgres.create("mlflow"), on=serving) as mlflow,
            Sshd(folder, serving, 22) as sshd,
            Sshd(folder / "head", head, 22) as door,
        ):
            made = Everything(Cluster(hosts, head, folder), postgres, mlflow, sshd, door)
            for name, password in USERS.items():
                mlflow.add_user(name, password)
            made.user(head)
            yield made


def write_clone(folder: Path, space: str, params: Mapping[str, str]) -> None:
    """This repository as somebody has it who searches a space of his own and has changed these lines of params.yaml."""
    with tempfile.TemporaryDirectory() as scratch:  # git clones nothing to another root
        shutil.copytree(clone(Path(scratch) / "clone"), folder, symlinks=True)
    (folder / "space.yaml").write_text(space)
    text = (folder / "params.yaml").read_text()
    for old, new in {"space: search_spaces/cnn.yaml": "space: space.yaml", **params}.items():
        assert text.count(f"  {old} ") + text.count(f"  {old}\n") == 1, old
        text = text.replace(f"  {old}", f"  {new}")
    (folder / "params.yaml").write_text(text)


def contents(folder: Path, *outputs: str) -> dict[str, str]:
    """File → sha256, of what stages wrote there."""
    files = [file for name in outputs for file in sorted((folder / name).rglob("*")) if file.is_file()]
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def _credentials(user: str) -> str:
    return f"[mlflow]\nmlflow_tracking_username = {user}\nmlflow_tracking_password = {USERS[user]}\n"
