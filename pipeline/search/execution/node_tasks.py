"""Tasks that nodes of a cluster run for us, taking no CPU or GPU from anyone; the nodes are as `ray.nodes()` tells of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipeline.errors import OtherVersion

_SECONDS = 120.0  # in which a node has fetched our code and answered


def begin(node: dict[str, Any], task: Any, *arguments: Any) -> Any:
    """Begin one of Ray's tasks there, once: what `ray.get` waits for."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
    return task.options(num_cpus=0, scheduling_strategy=there, max_retries=0).remote(*arguments)


def ask(
    nodes: Sequence[dict[str, Any]], function: Callable[..., Any], arguments: Mapping[str, tuple[Any, ...]] | None = None
) -> dict[str, Any]:
    """Let each node call the function, with the arguments that stand under its id; id → what `ray.get` waits for."""
    import ray

    task = ray.remote(function)
    return {node["NodeID"]: begin(node, task, *(arguments[node["NodeID"]] if arguments else ())) for node in nodes}


def answer(node: dict[str, Any], asked: Any) -> Any:
    """What the node says; raises OtherVersion for one that cannot run our code."""
    import ray

    try:
        return ray.get(asked, timeout=_SECONDS)
    except Exception as error:  # whatever Ray says of such a node
        why, remedy = " ".join(str(error).split()[-30:]), "install what Convoy needs there, see docs/cluster.md"
        raise OtherVersion("a node", where=name(node), why=why, remedy=remedy) from error


def name(node: dict[str, Any]) -> str:
    """For a person."""
    return f"{node['NodeName']} ({node['NodeManagerAddress']})"
