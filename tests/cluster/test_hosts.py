"""The hosts that other tests stand on are apart from each other and from this machine, and leave nothing behind."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.hosts import HOME, Host, Network, needs_hosts, network, program, until
from tests.repository import REPOSITORY

pytestmark = needs_hosts


@pytest.fixture
def hosts() -> Iterator[Network]:
    with network() as made:
        yield made


def reaches(host: Host, other: Host) -> bool:
    code = f"import socket; socket.create_connection(('{other.address}', 9), timeout=1)"
    answer = host.popen("python", "-c", code, output=subprocess.PIPE).communicate()[1]
    return "Connection refused" in answer  # who refuses is there


def test_hosts_share_code_and_no_folder_and_are_known_by_a_name(hosts: Network, tmp_path: Path) -> None:
    one, other = hosts.add(seen=[tmp_path]), hosts.add(hidden=[REPOSITORY / "pipeline"])
    one.write("/tmp/project/params.yaml", "{}")
    (tmp_path / "mine").touch()

    assert one.run("sh", "-c", f"hostname; ls /tmp/project {tmp_path}").split() == [
        "host1",
        "/tmp/project:",
        "params.yaml",
        f"{tmp_path}:",
        "mine",
    ]
    assert one.path("/tmp/project/params.yaml").read_text() == "{}" and not other.path("/tmp/project").exists()
    assert other.run("sh", "-c", f"hostname; ls {REPOSITORY}/pipeline; ls -ld {HOME} | cut -c-10").split() == [
        "host2",
        "drwx------",
    ]


def test_a_cable_is_pulled_and_put_in_again(hosts: Network) -> None:
    one, other = hosts.add(), hosts.add()
    assert reaches(one, other)
    other.unplug()
    assert not reaches(one, other)
    other.plug()
    until(lambda: reaches(one, other), 10, "the host is reached again")


def test_a_host_that_is_killed_takes_its_processes_along_and_the_network_the_rest(hosts: Network) -> None:
    one, other = hosts.add(), hosts.add()
    lives = [host.popen("sleep", "60") for host in (one, other)]
    until(lambda: [process.name() for process in one.processes()].count("sleep") == 2, 5, "it sleeps, and the first process")
    sleeps = [program(life) for life in lives]
    one.kill()
    until(lambda: not sleeps[0].is_running(), 5, "the first host is gone")
    assert sleeps[1].is_running()
    hosts.close()
    until(lambda: not sleeps[1].is_running(), 5, "so is the second")
    for life in lives:
        life.wait(5)
