"""A look at the head of a cluster before anything joins it: does it answer, whom does it let in, what does it run?

Ray's own connection tells none of these apart: it waits, and then speaks of something else.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.errors import ClusterUnreachable, OtherVersion, SecurityRefusal

if TYPE_CHECKING:
    import grpc

_WAIT_SECONDS = 10.0
_OPTIONS = (("grpc.enable_http_proxy", 0), ("grpc.max_reconnect_backoff_ms", 1000))


@dataclass(frozen=True)
class Head:
    """What answers at an address."""

    open: bool  # to everybody
    versions: Mapping[str, str]  # of ray and python
    nodes: frozenset[str]  # addresses of those that are alive


def look(address: str, token: str | None, wait_seconds: float = _WAIT_SECONDS) -> Head:
    """Raises ClusterUnreachable when nobody answers in time, SecurityRefusal when it does not know the token."""
    with _channel(address) as channel:
        found = _asked(channel, None, address, wait_seconds)
        if found is not None:
            return found
        if token is None:
            why = "it asks for a token and there is none here"
            raise SecurityRefusal("the cluster", where=address, why=why, remedy="put its token into ~/.ray/auth_token, mode 0600")
        found = _asked(channel, token, address, wait_seconds)
        if found is None:
            why = "it does not know this token"
            raise SecurityRefusal("the cluster", where=address, why=why, remedy="take the token of its head, see docs/cluster.md")
        return found


def require_same_versions(address: str, head: Head) -> None:
    """Ray pickles what it sends, so both sides run one Ray and one Python; raises OtherVersion."""
    import ray

    ours = {"ray": ray.__version__, "python": platform.python_version()}
    for name, version in ours.items():
        theirs = head.versions.get(name, "unknown")
        if _same(name, theirs) != _same(name, version):
            why = f"it runs {name.capitalize()} {theirs}, this process {version}"
            raise OtherVersion("the cluster", where=address, why=why, remedy=f"use the same {name.capitalize()} on both")


def require_a_node_here(address: str, head: Head, addresses: Iterable[str]) -> None:
    """A driver talks to the cluster through the node of its own machine; raises ClusterUnreachable when it has none."""
    if not head.nodes & set(addresses):
        why = f"this machine is none of its {len(head.nodes)} nodes"
        remedy = f"`ray start --address={address} --num-cpus=0` here, or run it on a node"
        raise ClusterUnreachable("the cluster", where=address, why=why, remedy=remedy)


def _same(name: str, version: str) -> str:
    """Of Python, 3.11.7 and 3.11.9 are one."""
    return ".".join(version.split(".")[:2]) if name == "python" else version


def _channel(address: str) -> grpc.Channel:
    import grpc

    if os.environ.get("RAY_USE_TLS", "0").lower() not in ("1", "true"):
        return grpc.insecure_channel(address, options=_OPTIONS)
    from ray._common.tls_utils import load_certs_from_env

    chain, key, root = load_certs_from_env()  # type: ignore[no-untyped-call]  # Ray's own
    credentials = grpc.ssl_channel_credentials(certificate_chain=chain, private_key=key, root_certificates=root)
    return grpc.secure_channel(address, credentials, options=_OPTIONS)


def _asked(channel: grpc.Channel, token: str | None, address: str, wait_seconds: float) -> Head | None:
    """What the head says to who has this token; None when it says nothing to them."""
    import grpc
    from ray.core.generated import gcs_pb2, gcs_service_pb2, gcs_service_pb2_grpc

    said = [("authorization", f"Bearer {token}")] if token else []
    kept, nodes = gcs_service_pb2_grpc.InternalKVGcsServiceStub(channel), gcs_service_pb2_grpc.NodeInfoGcsServiceStub(channel)
    versions = gcs_service_pb2.InternalKVGetRequest(namespace=b"cluster", key=b"CLUSTER_METADATA")
    try:
        found = json.loads(kept.InternalKVGet(versions, timeout=wait_seconds, metadata=said).value or b"{}")
        told = nodes.GetAllNodeInfo(gcs_service_pb2.GetAllNodeInfoRequest(), timeout=wait_seconds, metadata=said).node_info_list
    except grpc.RpcError as error:
        if error.code() == grpc.StatusCode.UNAUTHENTICATED:
            return None
        why = f"nobody answers there within {wait_seconds:g} s ({error.code().name.lower()})"
        remedy = "check cluster.address or RAY_ADDRESS, and that the head runs"
        raise ClusterUnreachable("the cluster", where=address, why=why, remedy=remedy) from None
    alive = frozenset(str(node.node_manager_address) for node in told if node.state == gcs_pb2.GcsNodeInfo.ALIVE)
    return Head(token is None, {name: str(found.get(f"{name}_version", "unknown")) for name in ("ray", "python")}, alive)
