"""What is decided about the nodes of a cluster; tests/cluster/test_search.py joins real ones."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipeline.cluster.node import Seen
from pipeline.search.execution.allotment import Share
from pipeline.search.execution.cluster_nodes import Offers, listed
from pipeline.search.execution.messages import Assignment
from pipeline.search.execution.pools import Pool
from pipeline.search.execution.ray_nodes import RayNode
from pipeline.search.execution.resources import Node, Resources
from pipeline.search.execution.room import Request, Room


def gpus_of(node: str, *gibibytes: int) -> Seen:
    return Seen(node, "", tuple(size * 2**30 for size in gibibytes), "", ())


def node(key: str, cpus: float, gpus: int, gpu_type: str) -> RayNode:
    return RayNode(key, key, "10.0.0.2", 7000, cpus, gpus, gpu_type)


FIRST_NODES = (node("a", 8, 2, "A10G"), node("b", 4, 0, ""), node("c", 8, 1, "A100"))
SEEN = {"a": gpus_of("a", 24, 16), "b": gpus_of("b"), "c": gpus_of("c", 80)}


def test_the_memory_of_gpus_is_what_their_node_said_or_the_least_that_was_heard_of_their_type() -> None:
    more = (node("more", 8, 1, "A100"), node("other", 8, 1, "L4"))
    offered = Offers(SEEN, ask=lambda late: lambda: None).of((*FIRST_NODES, *more))
    assert [(one.gpu_bytes / 2**30, one.gpu_type) for one in offered] == [
        (16, "A10G"),
        (0, ""),
        (80, "A100"),
        (80, "A100"),
        (16, "L4"),
    ]
    assert offered[0] == Node(8, 2, 16 * 2**30, "a", "A10G", "a")


def test_a_node_with_gpus_that_comes_later_is_asked_once_and_believed_as_soon_as_it_answers() -> None:
    late, without, asked = node("late", 8, 1, "H100"), node("plain", 8, 0, ""), []
    answers = [None, gpus_of("late", 141)]

    def ask(one: RayNode) -> Callable[[], Seen | None]:
        asked.append(one.name)
        return lambda: answers.pop(0)

    offers = Offers(SEEN, ask)
    sizes = [offers.of((*FIRST_NODES, late, without))[3].gpu_bytes / 2**30 for _ in range(3)]
    assert (sizes, asked) == ([16, 141, 141], ["late"])


def test_a_node_goes_by_the_name_of_its_host_unless_it_was_given_one() -> None:
    entry = {
        "NodeID": "a1",
        "NodeName": "10.0.0.2",
        "NodeManagerAddress": "10.0.0.2",
        "NodeManagerHostname": "left",
        "NodeManagerPort": 7000,
        "Resources": {"CPU": 8.0, "GPU": 2.0, "memory": 1e9},
        "Labels": {"ray.io/node-id": "a1", "ray.io/accelerator-type": "A10G"},
    }
    assert RayNode.told(entry) == RayNode("a1", "left", "10.0.0.2", 7000, 8, 2, "A10G")
    bare = RayNode.told({**entry, "NodeName": "trainer", "Resources": {}, "Labels": {}})
    assert bare == RayNode("a1", "trainer", "10.0.0.2", 7000, 0, 0, "")
    assert str(bare) == "trainer (10.0.0.2)"


@pytest.mark.parametrize(
    ("nodes", "line"),
    [
        ([Node(8), Node(4)], "2 nodes, 12 CPUs, 0 GPUs"),
        ([Node(8, 2, 16 * 2**30), Node(4), Node(8, 1, 24 * 2**30)], "3 nodes, 20 CPUs, 3 GPUs of 16 and 24 GiB"),
        (
            [Node(8, 2, 16 * 2**30, gpu_type="T4"), Node(8, 1, 80 * 2**30, gpu_type="A100"), Node(8, 1, 8 * 2**30)],
            "3 nodes, 24 CPUs, 4 GPUs: 1 A100 of 80 GiB, 1 GPU of 8 GiB, 2 T4 of 16 GiB",
        ),
    ],
)
def test_what_nodes_offer_is_told_in_a_line(nodes: list[Node], line: str) -> None:
    assert listed(nodes) == line


def test_a_cluster_that_grows_on_demand_is_asked_for_twice_as_much_as_is_in_use_and_for_no_more_than_that_at_the_end() -> None:
    asked: list[list[Request]] = []
    shares = [Share(Resources(2, 0, 2), Pool(nodes=(Node(4),)))]
    room = Room(lambda: shares, on_this_machine=False, want=lambda requests: asked.append([*requests]))
    for key in ("a", "b"):
        room.place(Assignment(key, "cnn", {}, 0, "", 1, "cpu"))
    room.wanted(["a", "b"], more=lambda: True)
    room.wanted(["b"], more=lambda: False)
    one = Request({"CPU": 2, "GPU": 0})
    assert asked == [[one] * 5, [one]]
    Room(lambda: shares, want=lambda requests: pytest.fail("on one machine")).wanted([], more=lambda: True)
