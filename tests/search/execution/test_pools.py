"""Nodes by the type of their GPUs, and the labels by which Ray tells them apart."""

from __future__ import annotations

import pytest
from ray._private.label_utils import validate_label_selector

from pipeline.search.execution.pools import NODE_LABEL, TYPE_LABEL, pools
from pipeline.search.execution.resources import Node

GIB = 2**30
A100 = Node(16, 2, 80 * GIB, "a", "A100", "a0")
T4 = Node(8, 1, 16 * GIB, "t", "T4", "b0")
BARE = Node(8, 1, 8 * GIB, "u", "", "c0")  # Ray was told of a GPU and not of which
CPUS = Node(64, name="c", node_id="d0")
OFF = Node(32, name="o", gpu_type="A100", node_id="e0")  # its GPU is not for us

# nodes, on GPUs?, types wanted → of each pool in order: type, names of its nodes, labels
TABLE = [
    ([CPUS], False, (), [("", "c", {})]),
    ([A100], True, (), [("A100", "a", {})]),  # all nodes alike need no labels, as on one machine
    ([A100], False, (), [("A100", "a", {})]),
    ([CPUS, A100], True, (), [("A100", "ca", {})]),  # where trials want a GPU none goes to who has none
    (
        [T4, CPUS, A100],
        True,
        (),
        [("A100", "a", {TYPE_LABEL: "A100"}), ("T4", "t", {TYPE_LABEL: "T4"})],  # the larger first
    ),
    (
        [BARE, A100, T4],
        True,
        (),
        [("A100", "a", {TYPE_LABEL: "A100"}), ("T4", "t", {TYPE_LABEL: "T4"}), ("GPU", "u", {TYPE_LABEL: "!in(A100,T4)"})],
    ),
    (
        [A100, T4, CPUS],
        False,
        (),
        [("", "c", {TYPE_LABEL: "!in(A100,T4)"}), ("A100", "a", {TYPE_LABEL: "A100"}), ("T4", "t", {TYPE_LABEL: "T4"})],
    ),
    (
        [BARE, CPUS, A100],
        False,
        (),
        [
            ("", "c", {TYPE_LABEL: "!in(A100)", NODE_LABEL: "!in(c0)"}),
            ("A100", "a", {TYPE_LABEL: "A100"}),
            ("GPU", "u", {NODE_LABEL: "in(c0)"}),
        ],
    ),
    ([OFF, CPUS], False, (), [("", "c", {TYPE_LABEL: "!in(A100)"}), ("A100", "o", {TYPE_LABEL: "A100"})]),
    ([A100, T4], True, ("T4", "L4"), [("T4", "t", {TYPE_LABEL: "T4"})]),
    ([A100], True, ("A100",), [("A100", "a", {TYPE_LABEL: "A100"})]),  # another type may join
    ([A100], True, ("T4",), []),
    ([A100, T4, CPUS], False, ("T4",), [("", "c", {TYPE_LABEL: "!in(A100,T4)"}), ("T4", "t", {TYPE_LABEL: "T4"})]),
    ([BARE, T4], True, ("GPU",), [("GPU", "u", {TYPE_LABEL: "!in(T4)"})]),
]  # fmt: skip


@pytest.mark.parametrize(("nodes", "on_gpus", "wanted", "expected"), TABLE)
def test_nodes_that_are_alike_are_a_pool_which_ray_finds_by_labels(
    nodes: list[Node], on_gpus: bool, wanted: tuple[str, ...], expected: list[tuple[str, str, dict[str, str]]]
) -> None:
    found = pools(nodes, on_gpus, wanted)
    assert [(pool.gpu_type, "".join(node.name for node in pool.nodes), pool.labels) for pool in found] == expected
    assert not any(validate_label_selector(dict(pool.labels)) for pool in found)
