from __future__ import annotations

from typing import Any

import pytest

from pipeline.errors import ResourcesMissing
from pipeline.search.execution import resources
from pipeline.search.execution.resources import Node, Resources, plan
from pipeline.search.settings import SearchParams


def asked(cpus: object = "auto", gpus: object = "auto") -> SearchParams:
    return SearchParams.model_validate({"cpus_per_trial": cpus, "gpus_per_trial": gpus})


# (CPUs a trial, GPUs a trial, cores, GPUs, trials that may share one) → (CPUs, GPUs, trials at once, threads)
TABLE = [
    (("auto", "auto", 1, 0), (1, 0, 1, 1)),
    (("auto", "auto", 2, 0), (1, 0, 2, 1)),
    (("auto", "auto", 16, 0), (1, 0, 16, 1)),
    (("auto", "auto", 16, 1), (16, 1, 1, 16)),
    (("auto", "auto", 16, 3), (5, 1, 3, 5)),
    (("auto", "auto", 4, 8), (0.5, 1, 8, 1)),
    (("auto", 0.5, 16, 1), (8, 0.5, 2, 8)),
    (("auto", 0.1, 16, 1), (1, 0.1, 10, 1)),
    (("auto", 2, 16, 4), (8, 2, 2, 8)),
    (("auto", 0, 16, 4), (1, 0, 16, 1)),
    ((4, "auto", 16, 0), (4, 0, 4, 4)),
    ((0.5, "auto", 2, 0), (0.5, 0, 4, 1)),
    ((3, "auto", 16, 8), (3, 1, 5, 3)),
    ((0, "auto", 16, 2), (0, 1, 2, 1)),
    (("auto", "auto", 16, 1, 4), (4, 0.25, 4, 4)),
    (("auto", "auto", 16, 1, 16), (1, 0.0625, 16, 1)),
    (("auto", "auto", 16, 2, 3), (2, 0.3333, 6, 2)),
    ((4, "auto", 16, 1, 8), (4, 0.125, 4, 4)),
    (("auto", "auto", 16, 0, 8), (1, 0, 16, 1)),
    (("auto", 1, 16, 2, 8), (8, 1, 2, 8)),
    (("auto", 0.4, 16, 2), (4, 0.4, 4, 4)),  # two on each, not five
]


@pytest.mark.parametrize(("given", "expected"), TABLE, ids=str)
def test_a_trial_gets_its_share_of_the_machine(given: tuple[Any, ...], expected: tuple[float, float, int, int]) -> None:
    cpus, gpus, cores, devices, *sharing = given
    found = plan(asked(cpus, gpus), [Node(cores, devices)], *sharing)
    assert (found.cpus, found.gpus, found.slots, found.threads) == expected
    assert found.slots * found.cpus <= cores and found.slots * found.gpus <= devices + 1e-9


@pytest.mark.parametrize(
    ("cpus", "gpus", "message"),
    [
        (3, "auto", "E001 search.cpus_per_trial — a trial needs 3 CPU, this machine has 2 — set it to at most 2, or `auto`"),
        ("auto", 1, "E001 search.gpus_per_trial — a trial needs 1 GPU, this machine has 0 — set it to at most 0, or `auto`"),
        ("auto", 0.5, "E001 search.gpus_per_trial — a trial needs 0.5 GPU, this machine has 0"),
    ],
)
def test_what_can_never_be_met_is_refused_with_have_and_need(cpus: object, gpus: object, message: str) -> None:
    with pytest.raises(ResourcesMissing) as refusal:
        plan(asked(cpus, gpus), [Node(2)])
    assert str(refusal.value).startswith(message)


# (CPUs a trial, GPUs a trial), nodes → (CPUs, GPUs, trials at once)
CLUSTERS = [
    (("auto", "auto"), [Node(0), Node(4), Node(8)], (1, 0, 12)),
    (("auto", "auto"), [Node(0), Node(16, 4), Node(32, 2)], (4, 1, 6)),  # four cores for each GPU of the node that has fewest
    (("auto", "auto"), [Node(64), Node(8, 1)], (8, 1, 1)),  # who has no GPU is not asked for one
    (("auto", 0), [Node(64), Node(8, 1)], (1, 0, 72)),
    ((6, 0), [Node(8), Node(8)], (6, 0, 2)),  # one each, and not two and a half of them together
    (("auto", 2), [Node(8, 1), Node(8, 4)], (4, 2, 2)),  # of one node
]


@pytest.mark.parametrize(("given", "nodes", "expected"), CLUSTERS, ids=str)
def test_on_a_cluster_each_trial_lies_on_one_node(
    given: tuple[Any, Any], nodes: list[Node], expected: tuple[float, float, int]
) -> None:
    found = plan(asked(*given), nodes)
    assert (found.cpus, found.gpus, found.slots) == expected


@pytest.mark.parametrize(
    ("cpus", "gpus", "message"),
    [
        (
            9,
            0,
            "E001 search.cpus_per_trial — a trial needs 9 CPU, of 2 nodes none has more than 8 — set it to at most 8, or `auto`",
        ),
        (9, 1, "E001 search.cpus_per_trial — a trial needs 9 CPU, of 2 nodes none has more than 4"),
        ("auto", 2, "E001 search.gpus_per_trial — a trial needs 2 GPU, of 2 nodes none has more than 1"),
    ],
)
def test_what_no_node_has_is_refused(cpus: object, gpus: object, message: str) -> None:
    with pytest.raises(ResourcesMissing) as refusal:
        plan(asked(cpus, gpus), [Node(8), Node(4, 1)])
    assert str(refusal.value).startswith(message)


def test_this_machine_has_cores() -> None:
    assert resources.available_cpus() >= 1
    assert resources.available_gpus() >= 0
    assert Resources(0.5, 0, 2).threads == 1
