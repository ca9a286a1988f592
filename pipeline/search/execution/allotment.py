"""What the trials of a search are given, here or on a cluster: cores, GPUs, and how many of them share one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from pipeline.data.preparation.recipe import Recipe
from pipeline.errors import DoesNotFit, OverLimit, ResourcesMissing, WrongValue
from pipeline.search.execution import resources
from pipeline.search.execution.packing import GPU_MEGABYTES, MEGABYTE, Needed, trials_a_gpu
from pipeline.search.execution.pools import Pool, gpu_type, pools
from pipeline.search.execution.resources import Node, Resources
from pipeline.search.feasibility import cost_of, require
from pipeline.search.settings import SearchParams
from pipeline.search.spaces.space import Space
from pipeline.study.records import TrialRecord
from pipeline.training.hyperparameters import Value

_DRAWN = 200  # configurations that stand for the space


@dataclass(frozen=True)
class Share:
    """What each trial gets on the nodes of a pool."""

    resources: Resources
    pool: Pool


@dataclass(frozen=True)
class Allotment:
    """What each trial gets, by where it trains."""

    shares: tuple[Share, ...]

    @property
    def resources(self) -> Resources:
        """Of a trial in the first pool; the trials at once are those of all."""
        return replace(self.shares[0].resources, slots=sum(share.resources.slots for share in self.shares))

    @property
    def gpus(self) -> int:
        """Of all nodes."""
        return sum(share.pool.gpus for share in self.shares)


class Sharing:
    """Of one search: what a trial gets on whatever nodes there are. What was said of a pool holds as long as the search runs.

    By what the networks of the space need, corrected by what `earlier` trials took; on these types of GPU, or on any.
    """

    def __init__(
        self,
        params: SearchParams,
        space: Space,
        recipe: Recipe,
        earlier: Callable[[], Iterable[TrialRecord]] = lambda: (),
        gpu_types: Sequence[str] = (),
    ) -> None:
        self._params, self._space, self._recipe = params, space, recipe
        self._earlier, self._gpu_types = earlier, gpu_types
        self._on_gpus: bool | None = None  # not decided before there are nodes
        self._said: dict[str, Resources] = {}
        self._latest: tuple[Sequence[Node], tuple[Share, ...]] = ((), ())

    def allot(self, nodes: Sequence[Node]) -> Allotment:
        """Raises ResourcesMissing, or WrongValue for more GPUs a trial than a batch has images."""
        shares = self.shares(nodes)
        if not shares:
            usable = self._wanted(nodes)
            shares = (Share(resources.plan(self._params, usable), Pool(nodes=tuple(usable))),)  # says what is missing
        require_two_images_each(self._space, shares[0].resources.gpus)
        return Allotment(shares)

    def shares(self, nodes: Sequence[Node]) -> tuple[Share, ...]:
        """Of these nodes, in the order in which to use them; none of a pool that cannot hold a trial."""
        nodes = tuple(nodes)
        if nodes != self._latest[0]:
            found = [pool for pool in self._pools(nodes) if any(resources.holds(node, self._params) for node in pool.nodes)]
            self._latest = nodes, tuple(self._share(pool) for pool in found)
        return self._latest[1]

    def _pools(self, nodes: tuple[Node, ...]) -> tuple[Pool, ...]:
        """Whether trials train on GPUs is decided once: where a study began without, none is to wait for one that joined."""
        if self._on_gpus is None and nodes:
            there = bool(self._gpu_types or any(node.gpus for node in nodes))
            self._on_gpus = there if self._params.gpus_per_trial == "auto" else self._params.gpus_per_trial > 0
            if not self._on_gpus:
                self._params = self._params.model_copy(update={"gpus_per_trial": 0.0})
        return pools(nodes, bool(self._on_gpus), self._gpu_types)

    def _share(self, pool: Pool) -> Share:
        if pool.gpu_type not in self._said:
            self._said[pool.gpu_type] = resources.plan(self._params, pool.nodes, self._trials_a_gpu(pool))
        said = self._said[pool.gpu_type]
        slots = sum(node.trials(said.cpus, said.gpus) for node in pool.nodes)
        return Share(replace(said, slots=slots), pool)

    def _trials_a_gpu(self, pool: Pool) -> int:
        if self._params.gpus_per_trial != "auto" or not pool.gpus:
            return 1
        (needed, took), images = self._needed, _images(self._recipe)
        with_gpus = [(node, max(1, _for_trials(node, self._params) // node.gpus)) for node in pool.nodes if node.gpus]
        return min(trials_a_gpu(needed, images, node.gpu_bytes, cores, took) for node, cores in with_gpus)

    @cached_property
    def _needed(self) -> tuple[list[float], list[Needed]]:
        """Bytes of the configurations that stand for the space, and of the trials that were measured before."""
        return list(_estimated(self._params, self._space, self._recipe)), _measured(self._space, self._recipe, self._earlier())

    def _wanted(self, nodes: Sequence[Node]) -> Sequence[Node]:
        """Those of the types of GPU that may be used; raises ResourcesMissing when there is none."""
        usable = [node for node in nodes if gpu_type(node) in self._gpu_types]
        if usable or not self._gpu_types:
            return usable or nodes
        there = ", ".join(sorted({gpu_type(node) for node in nodes if node.gpus}))
        why = f"no node has a GPU of type {' or '.join(self._gpu_types)}; there are {there or 'none at all'}"
        remedy = f"choose from {there}, or set it to any" if there else "start a node that has one, or set it to any"
        raise ResourcesMissing("cluster.gpu_types", why=why, remedy=remedy)


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
            found = cost_of(point, space, recipe)
            require(found, params.limits)
        except (DoesNotFit, OverLimit):
            continue
        yield found.memory_megabytes * MEGABYTE


def _images(recipe: Recipe) -> int:
    """Bytes of the images that a trial has on its GPU."""
    return math.prod(recipe.shape) * (recipe.counts["train"] + recipe.counts["val"])


def _measured(space: Space, recipe: Recipe, earlier: Iterable[TrialRecord]) -> list[Needed]:
    """What trials took, and what was estimated."""

    def estimated(hyperparameters: dict[str, Value]) -> float:
        return cost_of(hyperparameters, space, recipe).memory_megabytes * MEGABYTE

    measured = [trial for trial in earlier if GPU_MEGABYTES in trial.costs]
    return [Needed(estimated(trial.hyperparameters), trial.costs[GPU_MEGABYTES] * MEGABYTE) for trial in measured]
