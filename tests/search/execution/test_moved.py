"""What is said of how far images went; tests/cluster/test_moved.py compares it with the network."""

from __future__ import annotations

from pathlib import Path

from pipeline.search.execution.moved import Moved, NodeMoved, note, noted

TWO = Moved(40_000_000, (NodeMoved("a (10.0.0.2)", 40_100_000, 0), NodeMoved("b (10.0.0.3)", 0, 40_000_000)), 0)


def test_each_node_is_named_with_what_it_received() -> None:
    assert TWO.line() == (
        "of 40.0 MB of images went 40.1 MB to a (10.0.0.2), 40.0 MB to b (10.0.0.3): 80.1 MB in all, as measured"
    )


def test_of_many_nodes_and_of_those_that_went_the_rest_is_said_in_short() -> None:
    many = Moved(10**6, tuple(NodeMoved(f"n{number}", number * 10**6, 0) for number in range(11)), gone=2)
    assert many.line().endswith(
        ", 7.0 MB to n7, 8.0 MB to 10.0 MB to each of 3 more: 55.0 MB in all, as measured; "
        "2 nodes were gone before they could be asked"
    )


def test_every_search_on_a_study_is_noted(tmp_path: Path) -> None:
    assert noted(tmp_path) == []
    note(tmp_path, TWO)
    note(tmp_path, Moved(1, (), 1))
    assert noted(tmp_path) == [
        {
            "images": 40_000_000,
            "nodes": [
                {"node": "a (10.0.0.2)", "object_store": 40_100_000, "storage": 0},
                {"node": "b (10.0.0.3)", "object_store": 0, "storage": 40_000_000},
            ],
            "nodes_gone": 0,
            "total": 80_100_000,
        },
        {"images": 1, "nodes": [], "nodes_gone": 1, "total": 0},
    ]
