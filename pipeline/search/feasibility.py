"""What a configuration would cost, known before it is launched, and the limits of params.yaml on it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from pipeline.data.preparation.recipe import Recipe
from pipeline.errors import DoesNotFit, OverLimit
from pipeline.models.layers import Shape, layer_table
from pipeline.models.memory import training_bytes
from pipeline.search.execution.packing import MEGABYTE
from pipeline.search.settings import Limits
from pipeline.search.spaces.space import Space
from pipeline.study.records import StudySnapshot, TrialRecord
from pipeline.training.hyperparameters import Hyperparameters, TrainHyperparameters, Value

SAMPLE = 200  # random points of a space, enough to know a share to within 7 percent


@dataclass(frozen=True)
class Cost:
    """Parameters to train, multiply-adds of one image forwards, and megabytes at the peak of a training step (estimated)."""

    parameters: int
    multiply_adds: int
    memory_megabytes: float

    def __str__(self) -> str:
        return (
            f"{self.parameters:,d} parameters, {self.multiply_adds:,d} multiply-adds an image, "
            f"about {self.memory_megabytes:,.0f} MB to train"
        )


def cost(hyperparameters: Hyperparameters, shape: Shape, num_classes: int) -> Cost:
    """By arithmetic alone; raises DoesNotFit."""
    layers = hyperparameters.layers(num_classes)
    rows = layer_table(layers, shape)
    train = hyperparameters.train
    return Cost(
        parameters=sum(row.parameters for row in rows),
        multiply_adds=sum(row.multiply_adds for row in rows),
        memory_megabytes=training_bytes(layers, shape, train.batch_size, _copies(train)) / MEGABYTE,
    )


def cost_of(point: Mapping[str, Value], space: Space, recipe: Recipe) -> Cost:
    """Of a configuration of the space, trained on these images; raises DoesNotFit."""
    return cost(space.parse(point), recipe.shape, len(recipe.classes))


def require(found: Cost, limits: Limits) -> None:
    """Raises OverLimit naming the first limit that is exceeded, of those known by arithmetic."""
    for name, value in vars(found).items():
        limit = getattr(limits, name)
        if limit is not None and value > limit:
            why = f"{value:,.0f}, but search.limits.{name} is {limit:,.0f}"
            raise OverLimit(name.replace("_", " "), why=why, remedy="raise the limit or narrow the search space")


def require_feasible(point: Mapping[str, Value], space: Space, recipe: Recipe, limits: Limits) -> None:
    """Raises DoesNotFit or OverLimit when a configuration is not to be trained on these images."""
    require(cost_of(point, space, recipe), limits)


def within(snapshot: StudySnapshot, space: Space, recipe: Recipe, limits: Limits) -> StudySnapshot:
    """The study without the trials that could be chosen but are over the limits: it may have been searched under others.

    Of a trial whose latency was not measured it is not known whether it keeps a limit on that, so it is left out too.
    """

    def kept(trial: TrialRecord) -> bool:
        if limits.latency_ms is not None and trial.costs.get("latency_ms", math.inf) > limits.latency_ms:
            return False
        try:
            require_feasible(trial.hyperparameters, space, recipe, limits)
        except (DoesNotFit, OverLimit):  # a driver that was killed may not have found out that it does not fit
            return False
        return True

    choice = {"completed", "pruned", "interrupted"}
    return replace(snapshot, trials=tuple(trial for trial in snapshot.trials if trial.state not in choice or kept(trial)))


def infeasible(space: Space, recipe: Recipe, limits: Limits) -> tuple[int, str]:
    """Of SAMPLE random points, how many would never be launched, and the most frequent reason ("" when there is none)."""
    reasons: Counter[str] = Counter()
    for point in space.draws(SAMPLE):
        try:
            require_feasible(point, space, recipe, limits)
        except DoesNotFit as misfit:
            reasons[f"{misfit.what} does not fit"] += 1
        except OverLimit as excess:
            reasons[f"{excess.what} over the limit"] += 1
    return reasons.total(), next((reason for reason, _ in reasons.most_common(1)), "")


def _copies(train: TrainHyperparameters) -> int:
    """Of the parameters in memory: weights, gradients, what the optimizer remembers of each, and their average."""
    remembered = 2 if train.optimizer in ("adam", "adamw") else 1 if train.momentum else 0
    return 2 + remembered + bool(train.averaging)
