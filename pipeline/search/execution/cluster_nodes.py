"""What the nodes of a cluster offer to trials."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.cluster import node
from pipeline.cluster.node import Seen
from pipeline.cluster.settings import ClusterParams
from pipeline.errors import ResourcesMissing
from pipeline.search.execution import joining, node_tasks, ray_environment
from pipeline.search.execution.pools import gpu_type
from pipeline.search.execution.ray_nodes import RayNode, present
from pipeline.search.execution.resources import Node


def look(address: str, params: ClusterParams) -> tuple[Node, ...]:
    """Join for a moment and say who is there.

    Raises what joining does, OtherVersion for a node that cannot run our code, ResourcesMissing when none takes trials now.
    """
    ray_environment.prepare_to_join()
    import ray

    address = joining.found(address, params.insecure)
    with tempfile.TemporaryDirectory(prefix="convoy-look-") as scratch:
        joining.join(address, Path(scratch))
    try:
        there = present()
        with_gpus = [one for one in there if one.gpus]
        asked = node_tasks.ask(with_gpus, node.glance)
        seen: dict[str, Seen] = {one.node_id: node_tasks.answer(one, asked[one.node_id]) for one in with_gpus}
    finally:
        ray.shutdown()
    if not there:
        remedy = "start nodes with --num-cpus; one that comes on demand is counted when it is there"
        raise ResourcesMissing("the cluster", where=address, why="no node has CPUs for trials now", remedy=remedy)
    types = {one.node_id: one.gpu_type for one in there}
    return tuple(offer(one, seen, types) for one in there)


def offer(node: RayNode, seen: Mapping[str, Seen], types: Mapping[str, str]) -> Node:
    """GPUs of a node that was not looked at are taken for as large as the smallest that were, of its type if there are any."""
    alike = [size for other, one in seen.items() for size in one.gpu_bytes if types.get(other) == node.gpu_type]
    known = [size for one in seen.values() for size in one.gpu_bytes]
    own = seen[node.node_id].gpu_bytes if node.node_id in seen else ()
    size = min(own or alike or known, default=0) if node.gpus else 0
    return Node(node.cpus, node.gpus, size, node.name, node.gpu_type, node.node_id)


def listed(nodes: Sequence[Node]) -> str:
    """What they offer, in a line."""
    cpus, gpus = sum(one.cpus for one in nodes), sum(one.gpus for one in nodes)
    line = f"{len(nodes)} nodes, {cpus:g} CPUs, {gpus} GPUs"
    with_gpus = [one for one in nodes if one.gpus]
    if len({gpu_type(one) for one in with_gpus}) > 1:
        counts = Counter(dict.fromkeys(sorted(map(gpu_type, with_gpus)), 0))
        for one in with_gpus:
            counts[gpu_type(one)] += one.gpus
        return f"{line}: {', '.join(f'{count} {kind} of {_gibibytes(with_gpus, kind)}' for kind, count in counts.items())}"
    return f"{line} of {_gibibytes(with_gpus)}" if with_gpus else line


def _gibibytes(nodes: Sequence[Node], kind: str = "") -> str:
    """Of the GPUs of this type, or of all."""
    sizes = sorted({round(one.gpu_bytes / 2**30) for one in nodes if not kind or gpu_type(one) == kind})
    return f"{' and '.join(map(str, sizes))} GiB"
