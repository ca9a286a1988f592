"""A search on hosts that are a cluster: its project lies on the head, its checkpoints in a shared folder."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.study import store
from pipeline.study.records import StudySnapshot
from tests import searches
from tests.cluster.hosts import Host, Network, network, program, start_ray, until
from tests.repository import REPOSITORY

FOLDER = "/tmp/project"


@dataclass
class Cluster:
    """Its hosts; `shared` is seen by all of them, `nodes` have no Convoy of their own."""

    hosts: Network
    head: Host
    shared: Path
    nodes: list[Host] = field(default_factory=list)

    def join(self, count: int = 1, cpus: float = 1, shares: bool = True, **environment: str) -> list[Host]:
        """New nodes, begun at once in this environment; they see the shared folder unless told otherwise."""
        seen = [self.shared] if shares else []
        fresh = [self.hosts.add(hidden=[REPOSITORY / "pipeline"], seen=seen) for _ in range(count)]
        with ThreadPoolExecutor() as threads:
            list(threads.map(lambda host: start_ray(host, head=self.head, cpus=cpus, **environment), fresh))
        self.nodes += fresh
        return fresh

    def project(self, migrated_mlflow: Path, host: Host | None = None, *, storage: str | None = None, **search: Any) -> Path:
        """On the head or another host; where it is found from here. The storage is the shared folder unless given."""
        folder = (host or self.head).path(FOLDER)
        params = {name: search.pop(name) for name in ("address", "insecure") if name in search}
        place = str(self.shared) if storage is None else storage or None
        searches.write_project(folder, migrated_mlflow, **search)
        written = json.loads((folder / "params.yaml").read_text())
        (folder / "params.yaml").write_text(json.dumps(written | {"cluster": {"address": "auto", "storage": place} | params}))
        return folder

    def search(self, host: Host | None = None, **environment: str) -> Driver:
        """`python -m pipeline search` on the head."""
        host = host or self.head
        file = host.path(FOLDER) / "output.txt"
        with file.open("a") as output:
            command = ("python", "-m", "pipeline", "search")
            return Driver(host.popen(*command, cwd=FOLDER, output=output, PYTHONPATH=str(REPOSITORY), **environment), file)

    def ledger(self) -> list[dict[str, Any]]:
        """Every epoch a worker began, attempt after attempt at each trial."""
        files = sorted(self.shared.rglob("*.ledger"), key=lambda file: (file.name.split(".")[0], int(file.name.split(".")[1])))
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]


@dataclass
class Driver:
    """A search that runs, and what it says."""

    process: subprocess.Popen[str]
    file: Path

    @property
    def output(self) -> str:
        """So far."""
        return self.file.read_text()

    def end(self, seconds: float = 500) -> int:
        """Its exit code."""
        return self.process.wait(seconds)

    def kill(self) -> None:
        """As the kernel does it for want of memory."""
        program(self.process).kill()
        self.process.wait(10)


@contextmanager
def cluster(shared: Path, nodes: int = 0, token: str | None = None, shares: bool = True) -> Iterator[Cluster]:
    """A head and so many nodes of one CPU each; token: None for one of its own, empty for an open cluster."""
    shared.mkdir(exist_ok=True)
    with network() as hosts:
        head = hosts.add(seen=[shared] if shares else [])
        start_ray(head, cpus=0, token=token)
        made = Cluster(hosts, head, shared)
        made.join(nodes)
        yield made


def training(cluster: Cluster, driver: Driver, trials: int, epoch: int = 10) -> None:
    """Wait until so many trials have begun this epoch."""

    def begun() -> bool:
        assert driver.process.poll() is None, driver.output
        return len({entry["trial_key"] for entry in cluster.ledger() if entry["epoch"] >= epoch}) >= trials

    until(begun, 300, "they train")


def trains_here(cluster: Cluster) -> tuple[Host, str]:
    """A node that trains, and the trial that it has begun last."""
    nodes = {host.run("hostname").strip(): host for host in cluster.nodes}
    entry = [entry for entry in cluster.ledger() if entry["host"] in nodes][-1]
    return nodes[entry["host"]], str(entry["trial_key"])


def workers(host: Host) -> list[int]:
    """The pids of what trains there, or is about to."""
    names = ("TrialWorker", "ResourceTrainable")
    return [pid for pid, command in host.commands().items() if any(name in " ".join(command) for name in names)]


def snapshot(project: Path, scratch: Path) -> StudySnapshot:
    """The one study of a project that may be on a host: SQLite cannot open a file there, so a copy in `scratch` is read."""
    scratch.mkdir(exist_ok=True)
    for file in (project / "state").glob("studies.db*"):
        shutil.copy(file, scratch)
    (study,) = (folder.name for folder in (project / "state/studies").iterdir())
    return store.read(f"sqlite:///{scratch / 'studies.db'}", study)
