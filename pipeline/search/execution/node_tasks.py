"""Tasks that nodes of a cluster run for us, taking no CPU or GPU from anyone."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pipeline.errors import OtherVersion
from pipeline.search.execution.ray_nodes import RayNode, present

_SECONDS = 120.0  # in which a node has fetched our code and answered


def begin(node: RayNode, task: Any, *arguments: Any) -> Any:
    """Begin one of Ray's tasks there, once: what `ray.get` waits for."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    there = NodeAffinitySchedulingStrategy(node.node_id, soft=False)
    return task.options(num_cpus=0, scheduling_strategy=there, max_retries=0).remote(*arguments)


def ask(
    nodes: Sequence[RayNode], function: Callable[..., Any], arguments: Mapping[str, tuple[Any, ...]] | None = None
) -> dict[str, Any]:
    """Let each node call the function, with the arguments that stand under its id; id → what `ray.get` waits for."""
    import ray

    task = ray.remote(function)
    return {node.node_id: begin(node, task, *(arguments[node.node_id] if arguments else ())) for node in nodes}


def answer_so_far(asked: Any) -> Any:
    """What the node says, if it has by now; None also for one that cannot."""
    import ray
    from ray.exceptions import RayError

    ready, _ = ray.wait([asked], timeout=0)
    with contextlib.suppress(RayError):  # it went, or cannot run our code, which its workers say
        return ray.get(asked) if ready else None
    return None


def answers(nodes: Sequence[RayNode], asked: Mapping[str, Any]) -> Iterator[tuple[RayNode, Any]]:
    """Each node and what it says, except those that went meanwhile; raises OtherVersion for one that cannot run our code."""
    import ray

    for node in nodes:
        try:
            said = ray.get(asked[node.node_id], timeout=_SECONDS)
        except Exception as error:  # whatever Ray says of such a node
            if node not in present():
                continue
            why, remedy = " ".join(str(error).split()[-30:]), "install what Convoy needs there, see docs/cluster.md"
            raise OtherVersion("a node", where=str(node), why=why, remedy=remedy) from error
        yield node, said
