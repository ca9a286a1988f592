"""What the nodes of a cluster offer to trials."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path

from pipeline.cluster import node
from pipeline.cluster.node import Seen
from pipeline.cluster.settings import ClusterParams
from pipeline.search.execution import joining, node_tasks, ray_environment
from pipeline.search.execution.pools import gpu_type
from pipeline.search.execution.ray_nodes import RayNode, present
from pipeline.search.execution.resources import Node


def look(address: str, params: ClusterParams) -> tuple[Node, ...]:
    """Join for a moment and say who is there and takes trials; nobody may be, as long as nobody wants nodes of a cloud.

    Raises what joining does, and OtherVersion for a node that cannot run our code.
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
        seen: dict[str, Seen] = {one.node_id: said for one, said in node_tasks.answers(with_gpus, asked)}
    finally:
        ray.shutdown()
    return Offers(seen).of(there)


def _ask(one: RayNode) -> Callable[[], Seen | None]:
    (asked,) = node_tasks.ask([one], node.glance).values()
    return partial(node_tasks.answer_so_far, asked)


class Offers:
    """What is known of the nodes of a cluster; one with GPUs that was not `seen` is asked for their memory, without a wait.

    Until it has answered its GPUs are taken for as large as the smallest that were seen, of its type if there are any.
    """

    def __init__(self, seen: Mapping[str, Seen], ask: Callable[[RayNode], Callable[[], Seen | None]] = _ask) -> None:
        self._seen, self._ask = dict(seen), ask
        self._answers: dict[str, Callable[[], Seen | None]] = {}  # of those that came later
        self._types: dict[str, str] = {}  # of the GPUs of every node that there was

    def of(self, there: Sequence[RayNode]) -> tuple[Node, ...]:
        """Those that are there now."""
        self._types |= {one.node_id: one.gpu_type for one in there}
        self._hear([one for one in there if one.gpus and one.node_id not in self._seen])
        return tuple(self._offer(one) for one in there)

    def _hear(self, unseen: Sequence[RayNode]) -> None:
        self._answers = {one.node_id: self._answers.get(one.node_id) or self._ask(one) for one in unseen}
        said = {node_id: seen for node_id, answer in self._answers.items() if (seen := answer()) is not None}
        self._seen |= said

    def _offer(self, one: RayNode) -> Node:
        sizes = {node_id: seen.gpu_bytes for node_id, seen in self._seen.items()}
        alike = [size for node_id, known in sizes.items() for size in known if self._types.get(node_id) == one.gpu_type]
        size = min(sizes.get(one.node_id) or alike or chain(*sizes.values()), default=0) if one.gpus else 0
        return Node(one.cpus, one.gpus, size, one.name, one.gpu_type, one.node_id)


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
