"""The nodes of a cluster as its Ray tells of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from pipeline.search.execution.pools import TYPE_LABEL


@dataclass(frozen=True)
class RayNode:
    """What a node was started with, and where its Ray listens; `gpu_type` is empty where Ray, or who started it, named none."""

    node_id: str
    name: str  # its host's, or the one that it was given
    address: str
    port: int
    cpus: float
    gpus: int
    gpu_type: str

    @classmethod
    def told(cls, entry: Mapping[str, Any]) -> Self:
        """Of an entry of `ray.nodes()`."""
        address, name = str(entry["NodeManagerAddress"]), str(entry["NodeName"])  # which is the address unless one was given
        amounts = entry["Resources"]
        return cls(
            node_id=str(entry["NodeID"]),
            name=name if name != address else str(entry["NodeManagerHostname"]),
            address=address,
            port=int(entry["NodeManagerPort"]),
            cpus=float(amounts.get("CPU", 0)),
            gpus=int(amounts.get("GPU", 0)),
            gpu_type=str(entry["Labels"].get(TYPE_LABEL, "")),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.address})"


def present() -> list[RayNode]:
    """Those that are there now and that trials may be given to: a head often has no CPUs."""
    import ray

    told = ray.nodes()  # type: ignore[no-untyped-call]  # Ray's own
    nodes = [RayNode.told(entry) for entry in told if entry["Alive"]]
    return [node for node in nodes if node.cpus or node.gpus]
