"""Every node of a cluster is looked at before it gets trials: it runs our code, reaches the storage and finds the images."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.cluster import node
from pipeline.cluster.node import Seen
from pipeline.cluster.node_cache import StoredShard, no_room
from pipeline.cluster.place import opened
from pipeline.cluster.settings import ClusterParams
from pipeline.cluster.storage import SHARED
from pipeline.errors import NotShared, OtherVersion
from pipeline.search.execution import node_tasks
from pipeline.search.execution.ray_nodes import RayNode


@dataclass(frozen=True)
class Wanted:
    """What a search needs of the nodes: its folder in the storage, and images that are too large for memory."""

    place: str
    shards: Sequence[StoredShard]
    scratch: Path


def probe(nodes: Sequence[RayNode], wanted: Wanted, params: ClusterParams) -> dict[str, Seen]:
    """Node → what it says; raises NotShared, OtherVersion or DiskFull for one that must not train."""
    storage, nonce = opened(wanted.place), secrets.token_hex(16)
    storage.write(SHARED, nonce.encode())
    arguments = {one.node_id: (wanted.place, nonce, f"{SHARED}-{one.node_id}", wanted.shards) for one in nodes}
    asked = node_tasks.ask(nodes, node.look, arguments)
    found: dict[str, Seen] = {}
    for one, seen in node_tasks.answers(nodes, asked):
        found[one.node_id] = seen
        _require(seen, str(one), wanted, params)
        if storage.read(f"{SHARED}-{one.node_id}") != nonce.encode():
            raise _not_shared(wanted.place, str(one), "what it writes there is not seen here", params)
        storage.delete(f"{SHARED}-{one.node_id}")
    return found


def _require(seen: Seen, where: str, wanted: Wanted, params: ClusterParams) -> None:
    if seen.code != node.code_digest():
        raise OtherVersion("Convoy", where=where, why="its workers import other code", remedy="take Convoy off its PYTHONPATH")
    if seen.storage:
        raise _not_shared(wanted.place, where, seen.storage, params)
    if seen.missing and not params.storage:
        why = f"it does not see {seen.missing[0]}, and these images are larger than memory"
        remedy = "set cluster.storage, or put the project where all nodes see it"
        raise NotShared("the images", where=where, why=why, remedy=remedy)
    if seen.to_fetch > seen.room:
        raise no_room(where, seen.to_fetch, seen.room)


def _not_shared(place: str, where: str, why: str, params: ClusterParams) -> NotShared:
    remedy = "check the mount or the credentials there" if params.storage else "set cluster.storage to what all nodes reach"
    return NotShared("checkpoints", where=where, why=f"{place}: {why}", remedy=remedy)
