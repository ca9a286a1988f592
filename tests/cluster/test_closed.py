"""Nobody is let in: every socket on which a running search listens is on loopback, and none does anything without the token."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import psutil
import pytest
import requests

from tests import searches
from tests.cluster.heads import head
from tests.repository import REPOSITORY

# What would run code, end jobs or tell of them, in each kind of Ray's processes; an empty request is valid for all.
METHODS = (
    "/ray.rpc.NodeInfoGcsService/GetAllNodeInfo",
    "/ray.rpc.JobInfoGcsService/GetAllJobInfo",
    "/ray.rpc.InternalKVGcsService/InternalKVKeys",
    "/ray.rpc.ActorInfoGcsService/GetAllActorInfo",
    "/ray.rpc.NodeManagerService/GetNodeStats",
    "/ray.rpc.NodeManagerService/RequestWorkerLease",
    "/ray.rpc.NodeManagerService/ShutdownRaylet",
    "/ray.rpc.CoreWorkerService/PushTask",
    "/ray.rpc.CoreWorkerService/KillActor",
    "/ray.rpc.CoreWorkerService/GetCoreWorkerStats",
)
ROUTES = ("/", "/api/version", "/api/jobs/", "/api/cluster_status", "/api/v0/nodes", "/nodes", "/metrics")
REFUSED = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
NOT_HERE = (grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


@dataclass(frozen=True)
class Running:
    """A search that trains: the process that all others of its Ray descend from, and the token that opens them."""

    process: psutil.Process
    token: str


@pytest.fixture(scope="module", params=["on this machine", pytest.param("as a job of a cluster", marks=pytest.mark.cluster)])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, migrated_mlflow: Path) -> Iterator[Running]:
    folder = searches.write_project(
        tmp_path_factory.mktemp("closed") / "project", migrated_mlflow, epochs=(1000, 1000), trials=20, stopping="none"
    )
    if request.param == "on this machine":
        with searching(folder) as driver:
            yield Running(driver, own_token(driver))
        return
    with head() as cluster:
        shutil.copy(REPOSITORY / "dvc.yaml", folder)
        written = json.loads((folder / "params.yaml").read_text())
        there = {"address": cluster.address, "storage": str(folder.parent / "storage")}
        (folder / "params.yaml").write_text(json.dumps(written | {"cluster": there}))
        with searching(folder, **cluster.environment):
            yield Running(psutil.Process(cluster.pid), cluster.token_file.read_text())


@contextmanager
def searching(folder: Path, **environment: str) -> Iterator[psutil.Process]:
    """The process of a search whose first trial has begun to train; it ends with the block."""
    process = searches.start(folder, **environment)
    deadline = time.monotonic() + 120
    while not list(folder.parent.rglob("*ledger*")):
        assert process.poll() is None and time.monotonic() < deadline, (folder / "output.txt").read_text()
        time.sleep(0.1)
    yield psutil.Process(process.pid)
    process.terminate()
    process.wait(60)


def listening(running: Running) -> list[tuple[str, str, int]]:
    """Name of the process, address and port of every socket of the search on which somebody could begin to speak."""
    found = []
    for process in (running.process, *running.process.children(recursive=True)):
        try:
            sockets = process.net_connections(kind="inet")
        except psutil.NoSuchProcess:
            continue
        found += [(process.name(), one.laddr.ip, one.laddr.port) for one in sockets if one.status in ("LISTEN", "NONE")]
    return found


def answer(port: int, method: str, token: str | None) -> grpc.StatusCode:
    """What one of Ray's processes says to an empty request."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary(method)
        metadata = [("authorization", f"Bearer {token}")] if token else []
        try:
            call(b"", timeout=3, metadata=metadata)
        except grpc.RpcError as error:
            return error.code()
        return grpc.StatusCode.OK


def own_token(driver: psutil.Process) -> str:
    """That of the search, as its children have it."""
    environments = (child.environ() for child in driver.children(recursive=True))
    return next(environment["RAY_AUTH_TOKEN"] for environment in environments if "RAY_AUTH_TOKEN" in environment)


def harmless(route: str, text: str) -> bool:
    """Whether it is the dashboard's page, which holds nothing before it is given the token, or Prometheus' numbers."""
    return (route == "/" and "<title>Ray Dashboard</title>" in text) or text.startswith("# HELP ")


def test_a_running_search_listens_on_loopback_alone(running: Running) -> None:
    sockets = listening(running)
    assert len(sockets) >= 3 and any("gcs_server" in name for name, _, _ in sockets)
    assert {address for _, address, _ in sockets} <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


def test_without_the_token_no_control_route_does_anything(running: Running) -> None:
    ports = sorted({port for _, _, port in listening(running)})
    said = {(port, method): answer(port, method, None) for port in ports for method in METHODS[:1]}
    speaking = [port for (port, _), code in said.items() if code in REFUSED]
    assert speaking, said
    for port in ports:
        for method in METHODS if port in speaking else METHODS[:1]:
            for wrong in (None, secrets.token_hex(32)):
                assert answer(port, method, wrong) in (*REFUSED, *NOT_HERE), (port, method)
        for route in ROUTES:
            try:
                said = requests.get(f"http://127.0.0.1:{port}{route}", timeout=2)
            except requests.RequestException:
                continue  # this port speaks no HTTP
            assert said.status_code in (401, 403, 404) or harmless(route, said.text), (port, route)
    assert any(answer(port, METHODS[0], running.token) == grpc.StatusCode.OK for port in speaking), "with the token it answers"
    assert running.process.is_running()


@pytest.mark.cluster
def test_another_ray_is_not_let_in(running: Running) -> None:
    port = next(port for name, _, port in listening(running) if "gcs_server" in name)
    code = f"import ray; ray.init(address='127.0.0.1:{port}'); print('in')"
    for variables in ({"RAY_AUTH_MODE": "disabled"}, {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}):
        env = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")} | variables
        env |= {"RAY_gcs_rpc_server_connect_timeout_s": "2", "RAY_gcs_server_request_timeout_seconds": "3"}
        command = [sys.executable, "-c", code]
        try:
            done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=25, check=False)
        except subprocess.TimeoutExpired as late:
            assert b"in\n" not in (late.stdout or b"")
        else:
            assert done.returncode != 0 and "in\n" not in done.stdout
