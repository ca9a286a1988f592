from __future__ import annotations

from typing import Any

import pytest

from pipeline.errors import ResourcesMissing
from pipeline.search import resources
from pipeline.search.resources import Resources, plan
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
    found = plan(asked(cpus, gpus), cores, devices, *sharing)
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
        plan(asked(cpus, gpus), cpus=2, gpus=0)
    assert str(refusal.value).startswith(message)


def test_this_machine_has_cores() -> None:
    assert resources.available_cpus() >= 1
    assert resources.available_gpus() >= 0
    assert Resources(0.5, 0, 2).threads == 1
