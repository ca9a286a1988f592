"""Nodes that are alike to a trial: by the type of their GPUs, or by having none; and how Ray tells them from the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.search.execution.resources import Node

UNTYPED = "GPU"  # of GPUs of which Ray does not know what they are
TYPE_LABEL = "ray.io/accelerator-type"  # set by Ray where it finds GPUs, and by who starts a node with --labels
NODE_LABEL = "ray.io/node-id"  # set by Ray on every node


@dataclass(frozen=True)
class Pool:
    """Nodes with one type of GPU, or without any, where `gpu_type` is empty; `labels` select them among others, empty: any."""

    gpu_type: str = ""
    nodes: tuple[Node, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def gpus(self) -> int:
        """Of all nodes."""
        return sum(node.gpus for node in self.nodes)

    @property
    def gpu_bytes(self) -> float:
        """Of the smallest."""
        return min((node.gpu_bytes for node in self.nodes if node.gpus), default=0)


def gpu_type(node: Node) -> str:
    """What its GPUs are; empty for a node without."""
    return node.gpu_type or (UNTYPED if node.gpus else "")


def pools(nodes: Sequence[Node], on_gpus: bool, wanted: Sequence[str]) -> tuple[Pool, ...]:
    """For trials with or without GPUs, the pools they may use in the order in which to fill them; of GPUs those `wanted`, or all.

    With GPUs those of more memory come first, without them the nodes that have none. Nodes that are all alike need no labels.
    """
    found: dict[str, list[Node]] = {}
    for node in nodes:
        if node.gpus or not on_gpus:
            found.setdefault(gpu_type(node), []).append(node)
    if len(found) <= 1 and not wanted:
        return tuple(Pool(kind, tuple(nodes)) for kind in found)
    made = [Pool(kind, tuple(alike), _labels(kind, found, on_gpus)) for kind, alike in found.items()]
    usable = [pool for pool in made if not wanted or not pool.gpu_type or pool.gpu_type in wanted]
    return tuple(sorted(usable, key=lambda pool: (pool.gpu_type != "", -pool.gpu_bytes, pool.gpu_type)))


def _labels(kind: str, found: Mapping[str, Sequence[Node]], on_gpus: bool) -> dict[str, str]:
    """A label that a node does not have is none of those that are excluded."""
    if kind not in ("", UNTYPED):
        return {TYPE_LABEL: kind}
    types = sorted(other for other in found if other not in ("", UNTYPED))
    untyped = sorted(node.node_id for node in found.get(UNTYPED, ()))
    if kind == UNTYPED and not on_gpus:
        return {NODE_LABEL: f"in({','.join(untyped)})"}
    labels = {TYPE_LABEL: f"!in({','.join(types)})"} if types else {}
    return labels | ({NODE_LABEL: f"!in({','.join(untyped)})"} if untyped and not kind else {})
