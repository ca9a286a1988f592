"""What is asked of a head before it is joined. Here a server answers as Ray's does; test_search.py has the real one."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import pytest
import ray
from ray.core.generated import gcs_pb2, gcs_service_pb2, gcs_service_pb2_grpc

from pipeline.cluster import gcs
from pipeline.errors import ClusterUnreachable, OtherVersion, SecurityRefusal

TOKEN = "0123456789"
SAME = {"ray_version": ray.__version__, "python_version": platform.python_version()}


@contextmanager
def head(token: str = "", versions: dict[str, str] = SAME) -> Iterator[str]:
    """The address of one that lets in who has the token, or everybody."""

    def answer(reply: Callable[[], object]) -> Callable[[object, grpc.ServicerContext], object]:
        def answer(request: object, context: grpc.ServicerContext) -> object:
            if token and ("authorization", f"Bearer {token}") not in context.invocation_metadata():
                context.abort(grpc.StatusCode.UNAUTHENTICATED, "InvalidAuthToken")
            return reply()

        return answer

    alive, dead = gcs_pb2.GcsNodeInfo.ALIVE, gcs_pb2.GcsNodeInfo.DEAD
    nodes = [gcs_pb2.GcsNodeInfo(node_manager_address=f"10.0.0.{n}", state=state) for n, state in ((1, alive), (2, dead))]
    kept = gcs_service_pb2_grpc.InternalKVGcsServiceServicer()
    kept.InternalKVGet = answer(lambda: gcs_service_pb2.InternalKVGetReply(value=json.dumps(versions).encode()))
    infos = gcs_service_pb2_grpc.NodeInfoGcsServiceServicer()
    infos.GetAllNodeInfo = answer(lambda: gcs_service_pb2.GetAllNodeInfoReply(node_info_list=nodes))
    server = grpc.server(ThreadPoolExecutor(1))
    gcs_service_pb2_grpc.add_InternalKVGcsServiceServicer_to_server(kept, server)
    gcs_service_pb2_grpc.add_NodeInfoGcsServiceServicer_to_server(infos, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def test_who_has_the_token_learns_what_runs_there() -> None:
    with head(TOKEN) as address:
        found = gcs.look(address, TOKEN)
        gcs.require_same_versions(address, found)
        assert (found.open, found.nodes) == (False, {"10.0.0.1"})


@pytest.mark.parametrize(
    ("token", "why"), [(None, "it asks for a token and there is none here"), ("other", "it does not know this")]
)
def test_who_has_not_is_told_so(token: str | None, why: str) -> None:
    with head(TOKEN) as address, pytest.raises(SecurityRefusal, match=why):
        gcs.look(address, token)


@pytest.mark.parametrize("token", [None, TOKEN])
def test_that_it_is_open_to_everybody_is_seen_whatever_token_there_is(token: str | None) -> None:
    with head() as address:
        assert gcs.look(address, token).open


def test_that_nobody_answers_is_said_in_time() -> None:
    begun = time.monotonic()
    with pytest.raises(ClusterUnreachable, match=r"nobody answers there within 2 s"):
        gcs.look("127.0.0.1:9", None, wait_seconds=2)
    assert time.monotonic() - begun < 4


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"ray_version": "2.59.0"}, "it runs Ray 2.59.0, this process"),
        ({"python_version": "3.10.4"}, "it runs Python 3.10.4, this process"),
    ],
)
def test_another_version_is_refused_by_name(other: dict[str, str], message: str) -> None:
    with head(versions=SAME | other) as address, pytest.raises(OtherVersion, match=message):
        gcs.require_same_versions(address, gcs.look(address, None))


def test_another_patch_of_python_is_none() -> None:
    minor = ".".join(platform.python_version_tuple()[:2])
    with head(versions=SAME | {"python_version": f"{minor}.99"}) as address:
        gcs.require_same_versions(address, gcs.look(address, None))


def test_a_machine_that_is_no_node_is_told_how_to_become_one() -> None:
    with head() as address:
        found = gcs.look(address, None)
        gcs.require_a_node_here(address, found, ["127.0.0.1", "10.0.0.1"])
        with pytest.raises(ClusterUnreachable, match=rf"none of its 1 nodes — `ray start --address={address} --num-cpus=0` here"):
            gcs.require_a_node_here(address, found, ["10.0.0.2"])
