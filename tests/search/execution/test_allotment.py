from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.data.preparation.recipe import Recipe
from pipeline.errors import ResourcesMissing, WrongValue
from pipeline.search.execution.allotment import Sharing, require_two_images_each
from pipeline.search.execution.packing import GPU_MEGABYTES
from pipeline.search.execution.resources import Node
from pipeline.search.settings import SearchParams
from tests.search.driving import Search, curve, space
from tests.training.samples import noise

GIB = 2**30
WIDE = """
family: cnn
smallest_image: 8
hyperparameters:
  train.epochs: 1
  train.batch_size: {type: int, low: 8, high: 4096, log: true}
  model.num_conv_layers: 2
  model.filters: 256
  model.max_filters: 256
  model.pooling: none
"""
FITTING = "train.batch_size: {type: int, low: 8, high: 64}"


def images() -> Recipe:
    """Of 1100 of them."""
    return noise()[1].model_copy(update={"counts": {"train": 1000, "val": 100}})


ONE_GPU = [Node(16, 1, 8 * GIB)]


@pytest.mark.parametrize(
    ("text", "params", "slots"),
    [
        (WIDE, {}, 3),
        (WIDE.replace(WIDE.splitlines()[5].strip(), FITTING), {}, 8),
        (WIDE, {"limits": {"memory_megabytes": 100}}, 8),  # what is over it is never launched
        (WIDE, {"cpus_per_trial": 8}, 2),
        (WIDE, {"gpus_per_trial": 0.5}, 2),
        (WIDE, {"gpus_per_trial": 0}, 16),
    ],
    ids=["wide", "small batches", "limited", "few cores", "told", "none"],
)
def test_the_largest_network_that_may_be_launched_decides_how_many_share_a_gpu(
    tmp_path: Path, text: str, params: dict[str, object], slots: int
) -> None:
    recipe = images()
    found = Sharing(SearchParams.model_validate(params), space(tmp_path, text), recipe).allot(ONE_GPU)
    assert (found.resources.slots, found.gpus) == (slots, 1)


def test_what_trials_took_corrects_it_when_the_study_goes_on(tmp_path: Path) -> None:
    recipe = images()
    trial = Search(tmp_path).conductor().next()
    assert trial is not None and curve(trial)
    searched = space(tmp_path, WIDE)
    taken = {**searched.draws(1)[0], "train.batch_size": 4096}
    trial.hyperparameters.clear()
    trial.hyperparameters.update(taken)
    before = Sharing(SearchParams(), searched, recipe, lambda: [trial]).allot(ONE_GPU).resources.slots
    trial.costs[GPU_MEGABYTES] = 3500.0
    assert Sharing(SearchParams(), searched, recipe, lambda: [trial]).allot(ONE_GPU).resources.slots == 1 < before


A100 = Node(16, 1, 80 * GIB, "a", "A100", "a0")
T4 = Node(8, 2, 16 * GIB, "t", "T4", "t0")
CPUS = Node(4, node_id="c0")

# parameters, nodes → of each pool: its type, cores and share of a GPU a trial, trials at once
POOLS: list[tuple[dict[str, object], list[Node], list[tuple[str, float, float, int]]]] = [
    ({}, [T4, CPUS, A100], [("A100", 1, 0.0625, 16), ("T4", 1, 0.25, 8)]),  # each by its own memory and its own cores
    ({}, [A100, CPUS], [("A100", 1, 0.0625, 16)]),
    ({"gpus_per_trial": 1}, [T4, A100], [("A100", 16, 1, 1), ("T4", 4, 1, 2)]),
    ({"gpus_per_trial": 2}, [T4, A100], [("T4", 8, 2, 1)]),  # no trial on what has too few
    ({"gpus_per_trial": 0}, [T4, CPUS, A100], [("", 1, 0, 4), ("A100", 1, 0, 16), ("T4", 1, 0, 8)]),
    ({"gpus_per_trial": 0, "cpus_per_trial": 6}, [T4, CPUS, A100], [("A100", 6, 0, 2), ("T4", 6, 0, 1)]),
    ({}, [CPUS, CPUS], [("", 1, 0, 8)]),
]


@pytest.mark.parametrize(("params", "nodes", "expected"), POOLS, ids=str)
def test_each_type_of_gpu_has_a_share_of_its_own(
    tmp_path: Path, params: dict[str, object], nodes: list[Node], expected: list[tuple[str, float, float, int]]
) -> None:
    recipe = images()
    text = WIDE.replace(WIDE.splitlines()[5].strip(), "train.batch_size: {type: int, low: 8, high: 1024}")
    found = Sharing(SearchParams.model_validate(params), space(tmp_path, text), recipe).allot(nodes)
    each = [(share.pool.gpu_type, share.resources.cpus, share.resources.gpus, share.resources.slots) for share in found.shares]
    assert each == expected
    assert found.resources.slots == sum(slots for *_, slots in expected)


def test_what_was_said_of_a_pool_holds_and_one_that_comes_later_gets_its_own(tmp_path: Path) -> None:
    recipe = images()
    sharing = Sharing(SearchParams(), space(tmp_path, WIDE), recipe)
    before = sharing.allot([T4]).shares[0].resources
    assert not sharing.shares([CPUS])  # nothing without a GPU, once there were some
    late = sharing.shares([Node(2, 1, 4 * GIB, "slow", "T4"), A100])
    assert [share.pool.gpu_type for share in late] == ["A100", "T4"]
    assert (late[1].resources.gpus, late[1].resources.cpus) == (before.gpus, before.cpus)
    without = Sharing(SearchParams(), space(tmp_path, WIDE), recipe)
    assert without.allot([CPUS]).resources.gpus == 0
    assert {share.resources.gpus for share in without.shares([CPUS, T4])} == {0}  # as it began


@pytest.mark.parametrize(
    ("nodes", "there", "remedy"),
    [
        ([T4, A100, CPUS], "A100, T4", "choose from A100, T4, or set it to any"),
        ([CPUS], "none at all", "start a node that has one, or set it to any"),
    ],
)
def test_types_of_gpu_that_no_node_has_are_refused_with_those_that_there_are(
    tmp_path: Path, nodes: list[Node], there: str, remedy: str
) -> None:
    with pytest.raises(ResourcesMissing) as refusal:
        Sharing(SearchParams(), space(tmp_path, WIDE), images(), gpu_types=["H100", "L4"]).allot(nodes)
    why = f"no node has a GPU of type H100 or L4; there are {there}"
    assert str(refusal.value) == f"E001 cluster.gpu_types — {why} — {remedy}"


def test_who_wants_more_than_the_types_wanted_have_hears_what_these_have(tmp_path: Path) -> None:
    params = SearchParams(gpus_per_trial=2.0)
    with pytest.raises(ResourcesMissing, match="a trial needs 2 GPU, this machine has 1"):
        Sharing(params, space(tmp_path, WIDE), images(), gpu_types=["A100"]).allot([A100, T4])


def test_more_gpus_than_a_batch_has_images_for_are_refused_by_name(tmp_path: Path) -> None:
    for fine in (0.25, 1, 4):
        require_two_images_each(space(tmp_path, WIDE), fine)
    with pytest.raises(WrongValue) as refusal:
        require_two_images_each(space(tmp_path, WIDE), 8)
    assert refusal.value.what == "search.gpus_per_trial"
    assert refusal.value.why == "8 GPUs share each batch, and one of 8 images has fewer than two for each"
