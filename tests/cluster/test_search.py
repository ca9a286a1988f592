"""A search over several hosts, whatever happens to them: nothing lost, nothing doubled, and the result of an undisturbed one.

Sampler and stopping rule are such that the result does not depend on the order in which trials end.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities import Run
from ray.autoscaler._private.fake_multi_node.node_provider import FAKE_HEAD_NODE_ID

from pipeline.study.records import StudySnapshot
from pipeline.tracking.connection import connect
from tests import searches
from tests.cluster.hosts import Host, needs_hosts, network, program, start_ray, until
from tests.cluster.searching import FOLDER, Cluster, cluster, snapshot, training, trains_here, workers
from tests.cluster.servers import Sshd
from tests.repository import REPOSITORY
from tests.search.driving import story

pytestmark = [needs_hosts, pytest.mark.cluster]

LONG: dict[str, Any] = {"trials": 6, "epochs": (150, 300), "sampler": "random", "stopping": "none", "audit_share": 0.0}
SHORT: dict[str, Any] = LONG | {"trials": 3, "epochs": (2, 4)}


_EMPTY: list[str] = []
GROWING: dict[str, Any] = {  # by Ray's stand-in for a cloud, whose nodes are processes of the head's host
    "cluster_name": "growing",
    "provider": {
        "type": "fake_multinode", "use_node_id_as_ip": True, "disable_node_updaters": True, "disable_launch_config_check": True
    },
    "max_workers": 3,
    "available_node_types": {
        "head": {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
        "worker": {"resources": {"CPU": 1}, "node_config": {}, "min_workers": 0, "max_workers": 3},
    },
    "head_node_type": "head",
    "upscaling_speed": 1.0,
    "idle_timeout_minutes": 0.2,
    **{name: {} for name in ("auth", "docker", "file_mounts")},
    **dict.fromkeys(("cluster_synced_files", "rsync_exclude", "rsync_filter", "initialization_commands"), _EMPTY),
    **{f"{kind}setup_commands": _EMPTY for kind in ("", "head_", "worker_")},
    **{f"{kind}_start_ray_commands": _EMPTY for kind in ("head", "worker")},
    "file_mounts_sync_continuously": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, migrated_mlflow: Path) -> StudySnapshot:
    """What the same search finds on this machine alone."""
    folder = tmp_path_factory.mktemp("undisturbed") / "project"
    searches.write_project(folder, migrated_mlflow, **LONG)
    assert searches.start(folder).wait(240) == 0, (folder / "output.txt").read_text()
    return snapshot(folder, folder.parent / "copy")


def require_whole(cluster: Cluster, project: Path, undisturbed: StudySnapshot, tmp_path: Path, twice: int) -> None:
    """The result is that of the undisturbed search, one MLflow run a trial, and at most so many epochs were begun twice."""
    found = snapshot(project, tmp_path / "copy")
    assert story(found) == story(undisturbed)
    begun = Counter((entry["trial_key"], entry["epoch"]) for entry in cluster.ledger())
    assert set(begun) == {(trial.key, epoch.epoch) for trial in found.trials for epoch in trial.epochs}
    assert sum(begun.values()) - len(begun) <= twice
    kept = sorted(run.data.tags["convoy.trial_key"] for run in runs(project, tmp_path))
    assert kept == sorted([found.study_id, *(trial.key for trial in found.trials)])
    assert not [*cluster.shared.rglob("*.checkpoint")]


def runs(project: Path, tmp_path: Path) -> list[Run]:
    """Of the study and its trials in MLflow."""
    copy = tmp_path / "mlflow.db"
    copy.write_bytes((project / "mlflow.db").read_bytes())
    client = connect(f"sqlite:///{copy}")
    return list(client.search_runs([experiment.experiment_id for experiment in client.search_experiments()]))


def test_a_node_whose_power_fails_costs_its_trial_an_epoch(
    tmp_path: Path, migrated_mlflow: Path, undisturbed: StudySnapshot
) -> None:
    with cluster(tmp_path / "shared", nodes=3) as made:
        project = made.project(migrated_mlflow, **LONG)
        driver = made.search()
        training(made, driver, 3)
        lost, key = trains_here(made)
        lost.kill()
        assert driver.end() == 0, driver.output
        assert "joined the cluster at 10.77.0.1:6379: 3 nodes, 3 CPUs, 0 GPUs" in driver.output
        assert len({entry["attempt"] for entry in made.ledger() if entry["trial_key"] == key}) == 2
        require_whole(made, project, undisturbed, tmp_path, twice=1)


def test_a_raylet_that_is_killed_costs_its_trial_an_epoch_and_a_node_that_joins_is_used(
    tmp_path: Path, migrated_mlflow: Path, undisturbed: StudySnapshot
) -> None:
    with cluster(tmp_path / "shared", nodes=1) as made:
        project = made.project(migrated_mlflow, **LONG)
        driver = made.search()
        training(made, driver, 1)
        (late,) = made.join()
        until(lambda: "the cluster has changed: 2 nodes, 2 CPUs" in driver.output, 60, "it is seen")
        name = late.run("hostname").strip()
        until(lambda: any(entry["host"] == name for entry in made.ledger()), 60, "it trains")
        kill_raylet(made.nodes[0])
        assert driver.end() == 0, driver.output
        require_whole(made, project, undisturbed, tmp_path, twice=1)
        until(lambda: not workers(made.nodes[0]), 30, "no worker is left without its node")


def test_a_node_that_joins_with_other_code_ends_the_search_before_it_trains_and_without_it_the_search_goes_on(
    tmp_path: Path, migrated_mlflow: Path, undisturbed: StudySnapshot
) -> None:
    with cluster(tmp_path / "shared", nodes=1) as made:
        project = made.project(migrated_mlflow, **LONG)
        driver = made.search()
        training(made, driver, 1)
        other = made.shared / "other"
        shutil.copytree(REPOSITORY / "pipeline", other / "pipeline")
        with (other / "pipeline/layout.py").open("a") as file:
            file.write("# changed\n")
        (other / "sitecustomize.py").write_text(f"import sys\nsys.path.insert(0, {str(other)!r})\n")  # before what Ray brought
        (late,) = made.join(PYTHONPATH=str(other))
        assert driver.end(120) == 10, driver.output
        name = late.run("hostname").strip()
        assert f"E003 Convoy — the workers of {name} import other code — take Convoy off its PYTHONPATH" in driver.output
        assert name not in {entry["host"] for entry in made.ledger()}
        kill_raylet(late)
        assert made.search().end() == 0, driver.output
        require_whole(made, project, undisturbed, tmp_path, twice=2)


def test_a_cable_that_is_out_for_half_a_minute_costs_an_epoch_and_who_was_cut_off_spoils_nothing(
    tmp_path: Path, migrated_mlflow: Path, undisturbed: StudySnapshot
) -> None:
    with cluster(tmp_path / "shared", nodes=2) as made:
        project = made.project(migrated_mlflow, **LONG)
        driver = made.search()
        training(made, driver, 2)
        cut, _ = trains_here(made)
        cut.unplug()
        time.sleep(30)
        cut.plug()
        assert driver.end() == 0, driver.output
        require_whole(made, project, undisturbed, tmp_path, twice=1)


def test_a_driver_that_is_killed_goes_on_where_it_was(tmp_path: Path, migrated_mlflow: Path, undisturbed: StudySnapshot) -> None:
    with cluster(tmp_path / "shared", nodes=2) as made:
        project = made.project(migrated_mlflow, **LONG)
        driver = made.search()
        training(made, driver, 2)
        driver.kill()
        until(lambda: not any(map(workers, made.nodes)), 60, "nobody trains for a driver that is gone")
        driver = made.search()
        assert driver.end() == 0, driver.output
        assert "goes on with" in driver.output
        require_whole(made, project, undisturbed, tmp_path, twice=2)


def test_a_head_that_is_lost_ends_the_search_in_half_a_minute_and_a_new_one_goes_on(
    tmp_path: Path, migrated_mlflow: Path, undisturbed: StudySnapshot
) -> None:
    with cluster(tmp_path / "shared", nodes=2) as made:
        driving = made.hosts.add(seen=[made.shared])
        start_ray(driving, head=made.head, cpus=0)
        project = made.project(migrated_mlflow, driving, **LONG)
        driver = made.search(driving)
        training(made, driver, 2)
        made.head.kill()
        assert driver.end(45) == 143, driver.output
        assert "the head of the cluster does not answer; finished trials and checkpoints are kept" in driver.output
        until(lambda: not any(map(workers, made.nodes)), 90, "nobody trains on")

        driving.run("ray", "stop", "--force")
        start_ray(driving)
        made.head, made.nodes = driving, []
        made.join(2)
        driver = made.search()
        assert driver.end() == 0, driver.output
        require_whole(made, project, undisturbed, tmp_path, twice=2)


def test_without_any_shared_folder_checkpoints_go_through_ssh_and_a_trial_goes_on_elsewhere(
    tmp_path: Path, migrated_mlflow: Path, undisturbed: StudySnapshot
) -> None:
    folder = tmp_path / "server"
    folder.mkdir()
    with cluster(folder / "store", shares=False) as made:
        made.join(2, shares=False)
        with Sshd(folder, on=made.hosts.add(seen=[folder])) as server:
            server.introduce_to(made.head, *made.nodes)
            project = made.project(migrated_mlflow, storage=server.address(made.shared), **LONG)
            driver = made.search()
            training(made, driver, 2)
            lost, key = trains_here(made)
            lost.kill()
            assert driver.end() == 0, driver.output
            assert {entry["host"] for entry in made.ledger() if entry["trial_key"] == key} == {"host2", "host3"}
            require_whole(made, project, undisturbed, tmp_path, twice=1)


def test_a_cluster_that_grows_on_demand_grows_and_is_told_when_no_more_is_needed(tmp_path: Path, migrated_mlflow: Path) -> None:
    """Its nodes are processes of one host and take each other's copy of our code away, so that nothing is trained to its end."""
    with network() as hosts:
        head = hosts.add()
        head.write("/tmp/growing.yaml", json.dumps(GROWING))
        fake = {
            "RAY_FAKE_CLUSTER": "1",
            "AUTOSCALER_UPDATE_INTERVAL_S": "1",
            "RAY_OVERRIDE_NODE_ID_FOR_TESTING": FAKE_HEAD_NODE_ID,
        }
        start_ray(head, "--autoscaling-config=/tmp/growing.yaml", cpus=0, **fake)
        made = Cluster(hosts, head, tmp_path / "nothing")
        made.project(migrated_mlflow, storage="", **LONG)
        driver = made.search()
        until(lambda: "joined the cluster at 10.77.0.1:6379: 1 nodes, 1 CPUs" in driver.output, 240, "a node has come")
        assert "no node of the cluster at 10.77.0.1:6379 has CPUs for trials yet: waiting for one" in driver.output
        until(lambda: "the cluster has changed: 2 nodes, 2 CPUs" in driver.output, 120, "another one has come")
        program(driver.process).terminate()
        assert driver.end(60) == 143, driver.output
        until(lambda: "CPU" not in head.run("ray", "status", RAY_AUTH_MODE="token"), 90, "all nodes have gone")


def test_check_finds_nothing_wrong_with_a_cluster_whose_nodes_come_on_demand(tmp_path: Path, migrated_mlflow: Path) -> None:
    with cluster(tmp_path / "shared") as made:
        made.project(migrated_mlflow, **SHORT)
        told = made.head.run("python", "-m", "pipeline", "check", cwd=FOLDER, PYTHONPATH=str(REPOSITORY))
        assert "cluster: no node of auto has CPUs for trials now; a search asks for one" in told


def kill_raylet(host: Host) -> None:
    """And nothing else."""
    (raylet,) = (pid for pid, command in host.commands().items() if command and Path(command[0]).name == "raylet")
    os.kill(raylet, signal.SIGKILL)


@pytest.fixture(scope="class")
def small(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A head and a node that sees no folder of others."""
    with cluster(tmp_path_factory.mktemp("refused") / "shared") as made:
        made.join(1, shares=False)
        made.join(1)
        yield made


class TestRefusals:
    """What is refused before anything is written, in a line that says what to do."""

    def refused(self, made: Cluster, code: int, text: str, **environment: str) -> None:
        begun = time.monotonic()
        driver = made.search(**environment)
        assert driver.end(60) == code, driver.output
        assert time.monotonic() - begun < 45
        assert text in driver.output, driver.output
        assert "begins" not in driver.output

    def test_without_a_storage_that_all_nodes_reach(self, small: Cluster, migrated_mlflow: Path) -> None:
        small.project(migrated_mlflow, storage="", **SHORT)
        self.refused(small, 10, "it sees no file that this process wrote there — set cluster.storage to what all nodes reach")

    def test_with_a_storage_that_a_node_does_not_reach(self, small: Cluster, migrated_mlflow: Path) -> None:
        small.project(migrated_mlflow, **SHORT)
        name = small.nodes[0].run("hostname").strip()
        self.refused(small, 10, f"E004 checkpoints at {name} (10.77.0.2)")

    def test_a_wrong_token(self, small: Cluster, migrated_mlflow: Path) -> None:
        small.project(migrated_mlflow, **SHORT)
        self.refused(small, 9, "it does not know this token", RAY_AUTH_TOKEN="0" * 64)

    def test_a_token_that_others_can_read(self, small: Cluster, migrated_mlflow: Path) -> None:
        small.project(migrated_mlflow, **SHORT)
        small.head.write("/tmp/home/readable", "0" * 64, mode=0o644)
        self.refused(small, 9, "mode 0644: others may read it", RAY_AUTH_TOKEN_PATH="/tmp/home/readable")

    def test_nobody_there(self, small: Cluster, migrated_mlflow: Path) -> None:
        small.project(migrated_mlflow, address="10.77.0.99:6379", **SHORT)
        self.refused(small, 10, "E002 the cluster at 10.77.0.99:6379 — nobody answers there within 10 s")

    def test_a_machine_that_is_no_node(self, small: Cluster, migrated_mlflow: Path) -> None:
        stranger = small.hosts.add()
        stranger.write("/tmp/home/.ray/auth_token", small.head.path("/tmp/home/.ray/auth_token").read_text())
        small.project(migrated_mlflow, address=f"{small.head.address}:6379", host=stranger, **SHORT)
        driver = small.search(stranger)
        assert driver.end(60) == 10
        assert "this machine is none of its 3 nodes — `ray start --address=10.77.0.1:6379 --num-cpus=0` here" in driver.output


def test_an_open_cluster_is_refused_unless_it_is_wanted(tmp_path: Path, migrated_mlflow: Path) -> None:
    with cluster(tmp_path / "shared", token="", nodes=1) as made:
        made.project(migrated_mlflow, **SHORT)
        driver = made.search()
        assert driver.end(60) == 9
        assert (
            "E901 the cluster at 10.77.0.1:6379 — it lets everybody in who reaches it, and runs what they send" in driver.output
        )
        made.project(migrated_mlflow, insecure=True, **SHORT)
        driver = made.search()
        assert driver.end() == 0, driver.output
        assert "0.0 MB of images went" in driver.output and "in all, as measured" in driver.output
