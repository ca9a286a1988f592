"""What is decided about the nodes of a cluster; tests/cluster/test_search.py joins real ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cluster.node import Seen, code_digest
from pipeline.cluster.settings import ClusterParams
from pipeline.errors import NotShared, OtherVersion
from pipeline.search.joined_ray import Wanted, _node, _require, listed
from pipeline.search.resources import Node, Resources
from pipeline.search.room import Room

FINE = Seen("host", code_digest(), (), "", ())
WANTED = Wanted("/mnt/shared/00112233", [Path("/data/images-00000.npy")], Path())


@pytest.mark.parametrize(
    ("seen", "error", "message"),
    [
        (Seen("host", "other", (), "", ()), OtherVersion, "its workers import other code — take Convoy off its PYTHONPATH"),
        (Seen("host", code_digest(), (), "it sees none", ()), NotShared, "set cluster.storage to what all nodes reach"),
        (
            Seen("host", code_digest(), (), "", ("/data/images-00000.npy",)),
            NotShared,
            "E004 the images at a node — it does not see /data/images-00000.npy, and these images are larger than memory — put",
        ),
    ],
)
def test_a_node_that_must_not_train_is_refused_with_the_remedy(seen: Seen, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as refusal:
        _require(seen, "a node", WANTED, ClusterParams())
    assert message in str(refusal.value)
    _require(FINE, "a node", WANTED, ClusterParams())


def test_a_storage_that_was_named_is_to_be_looked_after_on_the_node() -> None:
    seen = Seen("host", code_digest(), (), "it sees none", ())
    with pytest.raises(NotShared, match="check the mount or the credentials there"):
        _require(seen, "a node", WANTED, ClusterParams(storage="/mnt/shared"))


def test_the_memory_of_gpus_is_what_their_node_said_or_the_least_that_was_heard() -> None:
    seen = {"a": Seen("a", "", (24 * 2**30, 16 * 2**30), "", ()), "b": Seen("b", "", (), "", ())}

    def told(node: str, cpus: float, gpus: float) -> dict[str, object]:
        return {"NodeID": node, "NodeName": node, "Resources": {"CPU": cpus, "GPU": gpus}}

    nodes = [_node(told(*one), seen) for one in (("a", 8, 2), ("b", 4, 0), ("late", 8, 1))]
    assert nodes == [Node(8, 2, 16 * 2**30, "a"), Node(4, 0, 0, "b"), Node(8, 1, 16 * 2**30, "late")]
    assert listed(nodes) == "3 nodes, 20 CPUs, 3 GPUs of 16 GiB"


def test_a_cluster_that_grows_on_demand_is_asked_for_twice_as_much_as_is_in_use_and_for_no_more_than_that_at_the_end() -> None:
    asked: list[tuple[int, dict[str, float]]] = []
    room = Room(Resources(2, 0, 2), nodes=lambda: [Node(4)], want=lambda trials, each: asked.append((trials, dict(each))))
    room.wanted(2, more=lambda: True)
    room.wanted(1, more=lambda: False)
    assert asked == [(5, {"cpu": 2, "gpu": 0}), (1, {"cpu": 2, "gpu": 0})]
    Room(Resources(2, 0, 2), want=lambda trials, each: pytest.fail("on one machine")).wanted(2, more=lambda: True)
