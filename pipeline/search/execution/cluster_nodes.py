"""The nodes of a cluster: who is there, and what they offer to trials."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.cluster import node
from pipeline.cluster.node import Seen
from pipeline.cluster.settings import ClusterParams
from pipeline.errors import ResourcesMissing
from pipeline.search.execution import joining, node_tasks, ray_environment
from pipeline.search.execution.pools import TYPE_LABEL, gpu_type
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
        there = alive()
        with_gpus = [one for one in there if one["Resources"].get("GPU")]
        asked = node_tasks.ask(with_gpus, node.glance)
        seen: dict[str, Seen] = {one["NodeID"]: node_tasks.answer(one, asked[one["NodeID"]]) for one in with_gpus}
    finally:
        ray.shutdown()
    if not there:
        remedy = "start nodes with --num-cpus; one that comes on demand is counted when it is there"
        raise ResourcesMissing("the cluster", where=address, why="no node has CPUs for trials now", remedy=remedy)
    types = {one["NodeID"]: type_of(one) for one in there}
    return tuple(as_node(one, seen, types) for one in there)


def alive() -> list[dict[str, Any]]:
    """Nodes as Ray tells of them, of those that trials may be given to: a head often has no CPUs."""
    import ray

    told = ray.nodes()  # type: ignore[no-untyped-call]  # Ray's own
    return [one for one in told if one["Alive"] and (one["Resources"].get("CPU") or one["Resources"].get("GPU"))]


def as_node(told: dict[str, Any], seen: Mapping[str, Seen], types: Mapping[str, str]) -> Node:
    """GPUs of a node that was not looked at are taken for as large as the smallest that were, of its type if there are any."""
    key, gpus = told["NodeID"], int(told["Resources"].get("GPU", 0))
    alike = [size for node, one in seen.items() for size in one.gpu_bytes if types.get(node) == types.get(key)]
    known = [size for one in seen.values() for size in one.gpu_bytes]
    own = seen[key].gpu_bytes if key in seen else ()
    size = min(own or alike or known, default=0) if gpus else 0
    return Node(float(told["Resources"].get("CPU", 0)), gpus, size, str(told["NodeName"]), type_of(told), key)


def type_of(told: dict[str, Any]) -> str:
    """Of the GPUs of a node, as Ray calls them, or who started it."""
    return str(told["Labels"].get(TYPE_LABEL, ""))


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
