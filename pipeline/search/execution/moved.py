"""How much of the images went to which node, as the nodes counted it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import artifacts

_FILE = "moved.json"  # beside the checkpoints of a study, one entry a search
_NAMED = 8  # nodes that are named in a line


@dataclass(frozen=True)
class NodeMoved:
    """Of one node, bytes: what its part of Ray's object store took in, and what its cache fetched from the storage."""

    node: str
    object_store: int
    storage: int

    @property
    def total(self) -> int:
        """Both."""
        return self.object_store + self.storage


@dataclass(frozen=True)
class Moved:
    """Of one search: bytes of all images, what each node received that was there at the end, and how many were gone by then."""

    images: int
    nodes: tuple[NodeMoved, ...]
    gone: int

    def line(self) -> str:
        """For a person."""
        each = [f"{_megabytes(one.total)} to {one.node}" for one in self.nodes[:_NAMED]]
        others = self.nodes[_NAMED:]
        if others:
            least, most = (pick(one.total for one in others) for pick in (min, max))
            each.append(f"{_megabytes(least)} to {_megabytes(most)} to each of {len(others)} more")
        gone = f"; {self.gone} nodes were gone before they could be asked" if self.gone else ""
        total = sum(one.total for one in self.nodes)
        return f"of {_megabytes(self.images)} of images went {', '.join(each)}: {_megabytes(total)} in all, as measured{gone}"

    def record(self) -> dict[str, Any]:
        """As JSON."""
        nodes = [{"node": one.node, "object_store": one.object_store, "storage": one.storage} for one in self.nodes]
        return {"images": self.images, "nodes": nodes, "nodes_gone": self.gone, "total": sum(one.total for one in self.nodes)}


def note(folder: Path, moved: Moved) -> None:
    """Keep it in the folder of the study."""
    artifacts.write_json(folder / _FILE, [*noted(folder), moved.record()])


def noted(folder: Path) -> Sequence[Any]:
    """Of each search on a cluster that worked on the study from this machine, the earliest first."""
    file = folder / _FILE
    found: list[Any] = artifacts.read_json(file) if file.exists() else []
    return found


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB"
