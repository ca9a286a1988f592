from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import WrongValue
from pipeline.search import resources
from pipeline.search.allotment import allot, require_two_images_each
from pipeline.search.packing import GPU_MEGABYTES
from pipeline.search.settings import SearchParams
from tests.search.driving import Search, curve, space
from tests.training.samples import noise

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


@pytest.fixture
def one_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """16 cores and a GPU of 8 GiB, as far as counting goes."""
    for name, value in (("available_cpus", 16), ("available_gpus", 1), ("gpu_bytes", 8 * 2**30)):
        monkeypatch.setattr(resources, name, lambda value=value: value)


@pytest.mark.usefixtures("one_gpu")
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
    _, recipe = noise()
    recipe = recipe.model_copy(update={"counts": {"train": 1000, "val": 100}})
    found = allot(SearchParams.model_validate(params), space(tmp_path, text), recipe)
    assert (found.resources.slots, found.gpus, found.gpu_bytes) == (slots, 1, 8 * 2**30)


@pytest.mark.usefixtures("one_gpu")
def test_what_trials_took_corrects_it_when_the_study_goes_on(tmp_path: Path) -> None:
    _, recipe = noise()
    recipe = recipe.model_copy(update={"counts": {"train": 1000, "val": 100}})
    trial = Search(tmp_path).conductor().next()
    assert trial is not None and curve(trial)
    searched = space(tmp_path, WIDE)
    taken = {**searched.draws(1)[0], "train.batch_size": 4096}
    trial.hyperparameters.clear()
    trial.hyperparameters.update(taken)
    before = allot(SearchParams(), searched, recipe, lambda: [trial]).resources.slots
    trial.costs[GPU_MEGABYTES] = 3500.0
    assert allot(SearchParams(), searched, recipe, lambda: [trial]).resources.slots == 1 < before


def test_more_gpus_than_a_batch_has_images_for_are_refused_by_name(tmp_path: Path) -> None:
    for fine in (0.25, 1, 4):
        require_two_images_each(space(tmp_path, WIDE), fine)
    with pytest.raises(WrongValue) as refusal:
        require_two_images_each(space(tmp_path, WIDE), 8)
    assert refusal.value.what == "search.gpus_per_trial"
    assert refusal.value.why == "8 GPUs share each batch, and one of 8 images has fewer than two for each"
