"""The images of a search, on their way to the nodes of a cluster: sent to the storage where that is needed, and counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from pipeline.cluster import node, raylet
from pipeline.cluster.depot import IMAGES, Depot
from pipeline.cluster.node import Seen
from pipeline.cluster.node_cache import NodeCache, StoredShard
from pipeline.cluster.settings import KEPT_DAYS
from pipeline.search.execution import node_tasks
from pipeline.search.execution.moved import Moved, NodeMoved
from pipeline.search.execution.ray_nodes import RayNode

_SECONDS = 30.0  # in which a node has answered
_AT_ONCE = 32  # nodes that are asked


class Supply:
    """Of `in_memory` bytes, which go through Ray's object store, and `shards`, which do not."""

    def __init__(self, shards: Sequence[StoredShard], in_memory: int) -> None:
        self._shards, self._in_use = shards, ExitStack()
        self._images = in_memory + sum(shard.stamp[0] for shard in shards)
        self._cache: NodeCache | None = None  # where a node fetches from the storage
        self._before: dict[str, int] = {}  # node → what its store had taken in when the search began; of a later one nothing

    def begin(self, nodes: Sequence[RayNode], seen: Mapping[str, Seen], unwanted: Callable[[], bool]) -> None:
        """Put the shards into the storage if a node does not see them; raises StorageLost."""
        self._before = _taken_in(nodes)
        fetching = sum(bool(one.missing) for one in seen.values())
        cache = self._shards[0].cache if self._shards else None
        if fetching and cache:
            self._send(cache, fetching, unwanted)

    def moved(self, nodes: Sequence[RayNode]) -> Moved:
        """To these nodes, which are there now."""
        import ray

        here = ray.get_runtime_context().get_node_id()  # whose store the images were put into, not received by
        now, fetched = _taken_in(nodes), self._fetched(nodes)
        counted = [
            NodeMoved(
                str(one),
                0 if one.node_id == here else now[one.node_id] - self._before.get(one.node_id, 0),
                fetched[one.node_id],
            )
            for one in nodes
            if one.node_id in now and one.node_id in fetched
        ]
        known = {one.node_id for one in nodes} | self._before.keys()
        return Moved(self._images, tuple(sorted(counted, key=lambda one: one.node)), len(known) - len(counted))

    def end(self) -> None:
        """The storage need not keep them for this search any more."""
        self._in_use.close()

    def _send(self, cache: NodeCache, fetching: int, unwanted: Callable[[], bool]) -> None:
        depot = Depot(cache.storage)
        key = f"images-{cache.name}"
        files = {shard.sha256: shard.path for shard in self._shards}
        total = f"{sum(shard.stamp[0] for shard in self._shards) / 1e6:.1f} MB"
        print(f"{total} of images are larger than memory: {fetching} nodes fetch them from {cache.storage}, each once")
        depot.clean(KEPT_DAYS)
        sent = depot.send_files(files, key, IMAGES, lambda: not unwanted())
        if sent:
            print(f"{sent / 1e6:.1f} MB of them were not there yet, and are now")
        self._in_use.enter_context(depot.renewed(key, IMAGES))
        self._cache = cache

    def _fetched(self, nodes: Sequence[RayNode]) -> dict[str, int]:
        """Node → bytes that came to it from the storage, of those that answer."""
        import ray
        from ray.exceptions import RayError

        if self._cache is None:
            return {one.node_id: 0 for one in nodes}
        found: dict[str, int] = {}
        for node_id, asked in node_tasks.ask(nodes, node.fetched, {one.node_id: (self._cache,) for one in nodes}).items():
            try:
                found[node_id] = ray.get(asked, timeout=_SECONDS)
            except RayError:  # it is going
                continue
        return found


def _taken_in(nodes: Sequence[RayNode]) -> dict[str, int]:
    """Node → bytes that its part of the store took in so far, of those that answer."""
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        found = zip(nodes, threads.map(lambda one: raylet.taken_in(one.address, one.port), nodes), strict=True)
        return {one.node_id: count for one, count in found if count is not None}
