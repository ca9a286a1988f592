"""What must stay together: the digests that share a group or a cluster of near-duplicates form one unit."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Unit:
    """Digests, sorted, that go to one side; groups: the names they carry, sorted; label: the class that decides for them."""

    digests: tuple[str, ...]
    groups: tuple[str, ...]
    label: str

    @property
    def key(self) -> str:
        """What its side is drawn by: the smallest of the groups, else of the digests."""
        return hashlib.sha256(f"group/{self.groups[0]}".encode()).hexdigest() if self.groups else self.digests[0]


def form(images: pd.DataFrame, clusters: Mapping[str, str]) -> list[Unit]:
    """The units of a catalog's images (label, digest, group), sorted; clusters: digest → medoid, where it is not alone.

    Groups that share an image or a cluster are one unit. Its class is the one of most of its digests, the first by name of
    several; pixels filed under several classes count for the first by name.
    """
    labels = {str(digest): str(label) for digest, label in images.groupby("digest")["label"].min().items()}
    groups = _groups(images)
    ties = [(digest, f"group/{name}") for digest, names in groups.items() for name in names]
    ties += [(digest, f"cluster/{medoid}") for digest, medoid in clusters.items()]
    units = []
    for digests in _joined(labels, ties):
        names = tuple(sorted({name for digest in digests for name in groups.get(digest, ())}))
        units.append(Unit(digests, names, _commonest(labels[digest] for digest in digests)))
    return sorted(units, key=lambda unit: unit.digests)


def _groups(images: pd.DataFrame) -> dict[str, list[str]]:
    """digest → the groups its copies are in."""
    found: dict[str, list[str]] = defaultdict(list)
    if "group" in images:
        known = images[["digest", "group"]].dropna().drop_duplicates()
        for digest, name in known.itertuples(index=False):
            found[str(digest)].append(str(name))
    return found


def _joined(digests: Iterable[str], ties: Iterable[tuple[str, str]]) -> list[tuple[str, ...]]:
    """Digests that are connected through ties (digest, name), by union and find."""
    parent: dict[str, str] = {}

    def root(node: str) -> str:
        while parent.get(node, node) != node:
            parent[node] = parent.get(parent[node], parent[node])
            node = parent[node]
        return node

    for digest, name in ties:
        parent[root(f"digest/{digest}")] = root(name)
    members: dict[str, list[str]] = defaultdict(list)
    for digest in digests:
        members[root(f"digest/{digest}")].append(digest)
    return [tuple(sorted(some)) for some in members.values()]


def _commonest(labels: Iterable[str]) -> str:
    counts: dict[str, int] = defaultdict(int)
    for label in labels:
        counts[str(label)] += 1
    return min(counts, key=lambda label: (-counts[label], label))
