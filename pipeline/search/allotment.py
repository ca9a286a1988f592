"""What the trials of a search are given, here or on a cluster: cores, GPUs, and how many of them share one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pipeline.data.preparation.recipe import Recipe
from pipeline.errors import DoesNotFit, OverLimit, WrongValue
from pipeline.search import resources
from pipeline.search.feasibility import MEGABYTE, cost, require
from pipeline.search.packing import GPU_MEGABYTES, Needed, trials_a_gpu
from pipeline.search.resources import Node, Resources
from pipeline.search.settings import SearchParams
from pipeline.search.space import Space
from pipeline.study.records import TrialRecord
from pipeline.training.hyperparameters import Value

_DRAWN = 200  # configurations that stand for the space


@dataclass(frozen=True)
class Allotment:
    """What each trial gets, on GPUs of so many bytes each or more (0 without one)."""

    resources: Resources
    nodes: tuple[Node, ...]

    @property
    def gpus(self) -> int:
        """Of all nodes."""
        return sum(node.gpus for node in self.nodes)

    @property
    def gpu_bytes(self) -> float:
        """Of the smallest."""
        return min((node.gpu_bytes for node in self.nodes if node.gpus), default=0)


def allot(
    params: SearchParams,
    space: Space,
    recipe: Recipe,
    earlier: Callable[[], Iterable[TrialRecord]] = lambda: (),
    nodes: Sequence[Node] = (),
) -> Allotment:
    """By what the networks of the space need, corrected by what `earlier` trials took; on this machine unless `nodes` are given.

    Raises ResourcesMissing, or WrongValue for more GPUs a trial than a batch has images.
    """
    nodes = tuple(nodes) or (resources.this_machine(),)
    with_gpus = [node for node in nodes if node.gpus]
    sharing = 1
    if with_gpus and params.gpus_per_trial == "auto":
        needed, took = list(_estimated(params, space, recipe)), _needed(space, recipe, earlier())
        sharing = min(
            trials_a_gpu(needed, _images(recipe), node.gpu_bytes, max(1, _for_trials(node, params) // node.gpus), took)
            for node in with_gpus
        )
    planned = resources.plan(params, nodes, sharing)
    require_two_images_each(space, planned.gpus)
    return Allotment(planned, nodes)


def _for_trials(node: Node, params: SearchParams) -> int:
    """The trials for which a node has cores."""
    return int(node.cpus if params.cpus_per_trial == "auto" else node.cpus / max(1.0, params.cpus_per_trial))


def require_two_images_each(space: Space, gpus_per_trial: float) -> None:
    """Raises WrongValue when a batch may be too small for the GPUs that are to share it."""
    smallest = space.smallest_batch()
    if gpus_per_trial > 1 and 2 * gpus_per_trial > smallest:
        why = f"{gpus_per_trial:g} GPUs share each batch, and one of {smallest} images has fewer than two for each"
        remedy = f"set it to at most {max(1, smallest // 2)}, or search larger train.batch_size"
        raise WrongValue("search.gpus_per_trial", where=str(space.path), why=why, remedy=remedy)


def _estimated(params: SearchParams, space: Space, recipe: Recipe) -> Iterable[float]:
    """Bytes of the configurations that may be launched, of those that stand for the space and its first points."""
    first = (space.completed(point) for point in space.first_points)
    for point in (*first, *space.draws(_DRAWN)):
        try:
            found = cost(space.parse(point), recipe.shape, len(recipe.classes))
            require(found, params.limits)
        except (DoesNotFit, OverLimit):
            continue
        yield found.memory_megabytes * MEGABYTE


def _images(recipe: Recipe) -> int:
    """Bytes of the images that a trial has on its GPU."""
    return math.prod(recipe.shape) * (recipe.counts["train"] + recipe.counts["val"])


def _needed(space: Space, recipe: Recipe, earlier: Iterable[TrialRecord]) -> list[Needed]:
    """Of the trials that were measured."""

    def estimated(hyperparameters: dict[str, Value]) -> float:
        return cost(space.parse(hyperparameters), recipe.shape, len(recipe.classes)).memory_megabytes * MEGABYTE

    measured = [trial for trial in earlier if GPU_MEGABYTES in trial.costs]
    return [Needed(estimated(trial.hyperparameters), trial.costs[GPU_MEGABYTES] * MEGABYTE) for trial in measured]
