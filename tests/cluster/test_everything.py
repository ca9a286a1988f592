"""Everything at once: `dvc repro` from data to registered model on a cluster, with every server that can be shared, while one
after the other fails; and the same with its search as a job of the cluster.

Sampler and stopping rule are such that the result does not depend on the order in which trials end.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from pipeline.config import YamlFile
from pipeline.study import claim
from tests.clones import commit
from tests.cluster.canaries import holding
from tests.cluster.everything import DASHBOARD, Everything, Project, contents, everything, write_clone
from tests.cluster.hosts import HOME, TOKEN, Host, needs_hosts, program, until
from tests.cluster.searching import snapshot, training, trains_here, workers
from tests.search.driving import story

pytestmark = [needs_hosts, pytest.mark.cluster]

TRIALS, CANDIDATES = 8, 2
OF_A_JOB = 3  # trials: the first of the same
SPACE = """
family: cnn
smallest_image: 8
hyperparameters:
  train.epochs: {type: int, low: 250, high: 400}
  train.batch_size: 128
  train.learning_rate: {type: float, low: 1e-4, high: 1e-1, log: true}
  model.num_conv_layers: {type: int, low: 1, high: 2}
  model.filters: 8
"""
PARAMS = {
    "trials: 20": f"trials: {TRIALS}",
    "sampler: tpe": "sampler: random",
    "stopping: asha": "stopping: none",
    "audit_share: 0.05": "audit_share: 0.0",
    "candidates: 3": f"candidates: {CANDIDATES}",
    "seeds: 2": "seeds: 1",
}
PATIENCE = 1500  # seconds, with all stages from the search on, however busy the machine is
OUTPUTS = ("data/catalog", "data/splits", "data/processed", "results", "model", "reports")


@dataclass(frozen=True)
class Result:
    """What a run came to, without the time of day."""

    study: list[tuple[object, ...]]
    best: Any
    data: dict[str, str]
    weights: str


def result(folder: Path, study: list[tuple[object, ...]]) -> Result:
    """That of the project there."""
    weights = contents(folder, "model")["model/weights.safetensors"]
    return Result(study, YamlFile(folder / "results/search/best.yaml").data, contents(folder, "data"), weights)


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Everything]:
    with everything(tmp_path_factory.mktemp("everything")) as made:
        made.join(2)
        yield made


@pytest.fixture(scope="module")
def undisturbed(at: Everything, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """What a host finds that has nothing but itself."""
    host = at.cluster.hosts.add()
    project = Project(at, "alone", host)
    write_clone(project.folder, SPACE, PARAMS)
    project.run("python", "-m", "dvc", "repro", "refit")
    found = result(project.folder, story(snapshot(project.folder, tmp_path_factory.mktemp("alone"))))
    host.kill()
    return found


def test_a_search_as_a_job_of_the_cluster_goes_on_without_its_client_and_dvc_finds_it_again(
    at: Everything, undisturbed: Result
) -> None:
    cluster, client = at.cluster, at.cluster.hosts.add()
    at.user(client)
    at.door.introduce_to(client)
    client.write(TOKEN, cluster.head.path(TOKEN).read_text())
    budget = {"trials: 20": f"trials: {OF_A_JOB}"}
    project = at.project("job", client, SPACE, PARAMS | budget, address=f"http://{DASHBOARD}")
    with tunnel(cluster.head, client):
        following = project.repro()
        training(cluster, following, 2, epoch=3)
        for pid in (*project.stages(), program(following.process).pid):
            os.kill(pid, signal.SIGKILL)
        following.process.wait(30)
        begun = len(cluster.ledger())
        until(lambda: len(cluster.ledger()) > begun + 5, 60, "the job goes on")

        following = project.repro()
        assert following.end(PATIENCE) == 0, following.output
        assert "submitted" in following.output and "works on it" in following.output
        assert len({entry["host"] for entry in cluster.ledger()}) >= 2
        require_whole(project, OF_A_JOB, twice=0)
        found = result(project.folder, story(project.snapshot()))
        assert found.study[:OF_A_JOB] == undisturbed.study[:OF_A_JOB] and found.data == undisturbed.data
        assert "Running" not in project.run("python", "-m", "dvc", "repro")
        require_secret(project)


def test_a_node_a_cable_the_servers_and_the_driver_fail_during_a_search_and_others_pull_the_champion_of_an_undisturbed_one(
    at: Everything, undisturbed: Result
) -> None:
    cluster = at.cluster
    at.join(1)
    project = at.project("storm", cluster.head, SPACE, PARAMS)
    driver = project.repro()
    training(cluster, driver, 3, epoch=3)

    lost, lost_key = trains_here(cluster)
    lost.kill()
    cluster.nodes.remove(lost)
    until(lambda: "the cluster has changed: 2 nodes" in driver.output, 120, "it is missed")

    cut, _ = trains_here(cluster)
    cut.unplug()
    time.sleep(30)
    cut.plug()

    at.postgres.stop()
    at.mlflow.stop(signal.SIGKILL)
    until(lambda: "is away" in driver.output, 60, "the database is missed")
    at.postgres.start()
    at.mlflow.start()
    until(lambda: "is back" in driver.output, 120, "what waited is written")

    (stage,) = project.stages()
    assert [trial.key for trial in project.snapshot().trials if trial.state == "running"], driver.output
    os.kill(stage, signal.SIGKILL)
    assert driver.end() != 0
    until(lambda: not any(map(workers, cluster.nodes)), 90, "nobody trains for a driver that is gone")

    at.join(1)  # for the one whose power failed
    driver = project.repro()
    assert driver.end(PATIENCE) == 0, driver.output
    assert "goes on with" in driver.output
    assert len({entry["attempt"] for entry in cluster.ledger() if entry["trial_key"] == lost_key}) >= 2
    # Begun again: the epoch of the node, that of the cable, and one on each node that was left when the driver was killed.
    require_whole(project, TRIALS, twice=4)
    assert result(project.folder, story(project.snapshot())) == undisturbed
    assert "Running" not in project.run("python", "-m", "dvc", "repro")
    require_for_others(project)
    require_secret(project)


def require_whole(project: Project, trials: int, twice: int) -> None:
    """Nothing is lost and nothing doubled; at most so many epochs were begun again."""
    found = project.snapshot()
    with project.host.network_of():
        assert claim.holders(project.at.postgres.address(project.name)) == {}
    assert [trial.state for trial in found.trials] == ["completed"] * trials
    assert [rerun.run.state for rerun in found.reruns] == ["completed"] * CANDIDATES
    trained = [*found.trials, *(rerun.run for rerun in found.reruns)]
    begun = Counter((entry["trial_key"], entry["epoch"]) for entry in project.at.cluster.ledger())
    assert set(begun) == {(trial.key, epoch.epoch) for trial in trained for epoch in trial.epochs}
    assert sum(begun.values()) - len(begun) <= twice
    assert not [*project.storage.rglob("*.checkpoint")]

    epochs = {trial.key: [epoch.epoch for epoch in trial.epochs] for trial in trained}
    shown = project.runs()
    kinds = Counter(run.data.tags["convoy.kind"] for run in shown)
    assert kinds == {"study": 1, "trial": trials, "rerun": CANDIDATES, "refit": 1, "aliases": 1}
    assert {run.info.status for run in shown} == {"FINISHED"}
    curves = {key: project.curve(run) for run in shown if (key := run.data.tags.get("convoy.trial_key", "")) in epochs}
    assert {key: sorted(steps) for key, steps in curves.items()} == epochs
    assert project.versions() == [("1", ["champion"])]


def require_for_others(project: Project) -> None:
    """What DVC pushes is all there in another user's fresh clone on another host, and the champion in the registry."""
    at, host = project.at, project.at.cluster.hosts.add()
    (at.sshd.folder / "dvc").mkdir()
    project.run("dvc", "remote", "add", "--default", "store", f"ssh://{at.sshd.host}{at.sshd.folder}/dvc")
    project.run("dvc", "remote", "modify", "--local", "store", "user", at.sshd.user)
    assert "pushed" in project.run("dvc", "push")
    commit(project.run, "reproduced")

    at.user(host, "bob")
    at.door.introduce_to(host)
    fresh = Project(at, "fresh", host)
    fresh.folder.mkdir()
    fresh.run("git", "clone", "--quiet", f"ssh://{project.host.address}/tmp/{project.name}", ".")
    fresh.run("dvc", "remote", "modify", "--local", "store", "user", at.sshd.user)
    fresh.run("dvc", "pull")
    assert contents(fresh.folder, *OUTPUTS) == contents(project.folder, *OUTPUTS)
    assert "Running" not in fresh.run("dvc", "repro")
    assert f"{project.name} version 1 (champion)" in fresh.run("python", "-m", "pipeline", "pull", "champion")
    assert (fresh.folder / "champion/program.pt2").read_bytes() == (project.folder / "model/program.pt2").read_bytes()


def require_secret(project: Project) -> None:
    """No password, key or token stands in a file of the project or the storage, of Ray or of MLflow, or in a database."""
    at = project.at
    hosts = {host.name: host for host in (project.host, at.cluster.head, *at.cluster.nodes)}
    places = [project.folder, project.storage, at.mlflow.folder, *(host.path("/tmp/ray") for host in hosts.values())]
    assert [found for place in places for found in holding(place, *at.passwords())] == []
    for database, table in ((project.name, "convoy_epochs"), ("mlflow", "latest_metrics")):
        text = project.database(database)
        assert table in text and not [word for word in at.passwords() if word in text]


@contextmanager
def tunnel(head: Host, client: Host) -> Iterator[None]:
    """From the client to the job server, which listens on loopback of the head alone."""
    command = ("ssh", "-F", f"{HOME}/.ssh/config", "-N", "-L", f"{DASHBOARD}:{DASHBOARD}", head.address)
    with client.popen(*command, output=subprocess.DEVNULL) as process:
        try:
            with client.network_of():
                until(lambda: answers(f"http://{DASHBOARD}/api/version"), 60, "the job server answers")
            yield
        finally:
            program(process).kill()


def answers(address: str) -> bool:
    """With whatever it may be."""
    try:
        return bool(requests.get(address, timeout=5).status_code)
    except requests.ConnectionError:
        return False
