"""A search on nodes with GPUs of two types and on one without any, of which Ray is told and which are not there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from tests import searches
from tests.cluster.hosts import Host, needs_hosts, program, start_ray, until
from tests.cluster.searching import FOLDER, Cluster, Driver, cluster, snapshot
from tests.repository import REPOSITORY
from tests.search.driving import story

pytestmark = [needs_hosts, pytest.mark.cluster]

LONG: dict[str, Any] = {"trials": 10, "epochs": (40, 80), "sampler": "random", "stopping": "none", "audit_share": 0.0}
TYPES = {"A100": (4, 80), "T4": (2, 16), "": (2, 0)}  # cores, GiB of the one GPU


def add(made: Cluster, gpu_type: str) -> Host:
    """A node of these."""
    cores, gibibytes = TYPES[gpu_type]
    host = made.hosts.add(hidden=[REPOSITORY / "pipeline"], seen=[made.shared])
    host.write("/tmp/bin/nvidia-smi", f"#!/bin/sh\necho {gibibytes * 1024}\n", mode=0o755)
    path = f"/tmp/bin:{made.head.run('printenv', 'PATH').strip()}" if gpu_type else ""
    told = ["--num-gpus=1", f"--labels=ray.io/accelerator-type={gpu_type}"] if gpu_type else []
    start_ray(host, *told, head=made.head, cpus=cores, **({"PATH": path} if path else {}))
    made.nodes.append(host)
    return host


@dataclass
class Typed:
    """The cluster and its nodes by the type of their GPUs."""

    made: Cluster
    hosts: dict[str, Host]

    def search(self) -> Driver:
        """Like Cluster.search."""
        file = self.made.head.path(FOLDER) / "output.txt"
        with file.open("a") as output:
            command = ("python", "-m", "tests.cluster.typed_search")
            process = self.made.head.popen(*command, cwd=FOLDER, output=output, PYTHONPATH=str(REPOSITORY))
            return Driver(process, file)

    def told(self, command: str) -> str:
        """What `convoy plan` or `convoy check` says on the head."""
        return self.made.head.run("python", "-m", "pipeline", command, cwd=FOLDER, PYTHONPATH=str(REPOSITORY))

    def trained(self) -> dict[str, list[str]]:
        """Trial key → types of the nodes where its epochs were begun, without repetitions."""
        found: dict[str, dict[str, None]] = {}
        for entry in self.made.ledger():
            found.setdefault(entry["trial_key"], {})[self.names[entry["host"]]] = None
        return {key: [*types] for key, types in found.items()}

    @cached_property
    def names(self) -> dict[str, str]:
        """Host name → type."""
        return {host.run("hostname").strip(): gpu_type for gpu_type, host in self.hosts.items()}


@contextmanager
def typed(shared: Path) -> Iterator[Typed]:
    with cluster(shared) as made:
        there = Typed(made, {gpu_type: add(made, gpu_type) for gpu_type in TYPES})
        assert len(there.names) == len(TYPES)
        yield there


def heard(driver: Driver) -> dict[str, list[tuple[str, float]]]:
    """Trial key → pools and shares of a GPU of its messages, without repetitions."""
    found: dict[str, dict[tuple[str, float], None]] = {}
    for key, pool, share in (json.loads(line) for line in driver.output.splitlines() if line.startswith('["')):
        found.setdefault(key, {})[pool, share] = None
    return {key: [*places] for key, places in found.items()}


def test_each_trial_trains_on_its_type_with_the_share_of_that_and_goes_on_on_another_when_its_own_is_gone(
    tmp_path: Path, migrated_mlflow: Path
) -> None:
    folder = tmp_path / "undisturbed/project"
    searches.write_project(folder, migrated_mlflow, **LONG)
    assert searches.start(folder).wait(240) == 0, (folder / "output.txt").read_text()
    with typed(tmp_path / "shared") as there:
        project = there.made.project(migrated_mlflow, **LONG)
        driver = there.search()
        until(lambda: len(heard(driver)) >= 6, 120, "all of six train")
        assert "3 nodes, 8 CPUs, 2 GPUs: 1 A100 of 80 GiB, 1 T4 of 16 GiB" in driver.output
        assert {place for places in heard(driver).values() for place in places} == {("A100", 0.25), ("T4", 0.5)}
        until(lambda: "T4" in {types[-1] for types in there.trained().values()}, 30, "some there")
        there.hosts["T4"].kill()
        assert driver.end() == 0, driver.output
        places = {key: [pool for pool, _ in told] for key, told in heard(driver).items()}
        assert there.trained() == places  # each node was of the type that its trials were to have
        assert ["T4", "A100"] in places.values()
        assert story(snapshot(project, tmp_path / "copy")) == story(snapshot(folder, tmp_path / "other copy"))


def test_gpus_of_a_type_that_comes_later_are_as_large_as_they_say(tmp_path: Path, migrated_mlflow: Path) -> None:
    with cluster(tmp_path / "shared") as made:
        add(made, "T4")
        made.project(migrated_mlflow, **LONG)
        driver = Typed(made, {}).search()
        until(lambda: "joined the cluster at 10.77.0.1:6379: 1 nodes, 2 CPUs, 1 GPUs of 16 GiB" in driver.output, 60, "it begins")
        add(made, "A100")
        changed = "the cluster has changed: 2 nodes, 6 CPUs, 2 GPUs: 1 A100 of 80 GiB, 1 T4 of 16 GiB"
        until(lambda: changed in driver.output, 60, "it has answered")
        program(driver.process).terminate()
        assert driver.end(60) == 143, driver.output


def test_without_gpus_trials_go_to_nodes_that_have_none_first(tmp_path: Path, migrated_mlflow: Path) -> None:
    with typed(tmp_path / "shared") as there:
        there.made.project(migrated_mlflow, **LONG | {"trials": 3, "gpus_per_trial": 0})
        driver = there.search()
        assert driver.end() == 0, driver.output
        assert {share for places in heard(driver).values() for _, share in places} == {0}
        first, second, third = sorted(there.trained().items())
        assert [first[1], second[1], third[1]] == [[""], [""], ["A100"]]  # two cores without a GPU


def test_a_search_for_one_type_uses_no_other_and_says_what_there_is_and_plan_and_check_count_the_nodes_of_its_cluster(
    tmp_path: Path, migrated_mlflow: Path
) -> None:
    with typed(tmp_path / "shared") as there:
        project = there.made.project(migrated_mlflow, **LONG | {"trials": 3, "epochs": (2, 4)})
        params = json.loads((project / "params.yaml").read_text())
        here = "a trial is measured on this machine, which has no GPU: on theirs it is less"
        plan = there.told("plan")
        assert f"cluster: 3 nodes, 8 CPUs, 2 GPUs: 1 A100 of 80 GiB, 1 T4 of 16 GiB; {here}" in plan
        assert ", 6 trials at once" in plan
        check = there.told("check")
        assert "cluster: 3 nodes, 8 CPUs, 2 GPUs: 1 A100 of 80 GiB, 1 T4 of 16 GiB\nresources: 6 trials at once" in check
        for gpu_types in (["H100"], ["T4"]):
            (project / "params.yaml").write_text(json.dumps(params | {"cluster": params["cluster"] | {"gpu_types": gpu_types}}))
            driver = there.search()
            code = driver.end()
            assert code == (10 if gpu_types == ["H100"] else 0), driver.output
        why = (
            "E001 cluster.gpu_types — no node has a GPU of type H100; there are A100, T4 — choose from A100, T4, or set it to any"
        )
        assert why in driver.output
        assert ", 2 trials at once" in there.told("plan")
        assert [*there.trained().values()] == [["T4"]] * 3
