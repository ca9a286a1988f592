"""In which order a space's first points begin: long ones first, so that at the end no core waits long for the last of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pipeline.errors import DoesNotFit
from pipeline.models.layers import Shape, layer_table
from pipeline.search.settings import SearchParams
from pipeline.search.spaces.space import Space
from pipeline.training.hyperparameters import Value


def all_are_tried(space: Space, params: SearchParams) -> bool:
    """Whether a search spends its budget on every first point, so that their order changes nothing but the time it takes."""
    others = (params.time_limit_minutes, params.worker_hours, params.money, params.until)
    return params.trials is not None and len(space.first_points) <= params.trials and all(limit is None for limit in others)


def longest_first(space: Space, shape: Shape, num_classes: int) -> Space:
    """The same space, its first points by falling multiply-adds over their whole plan; what does not fit comes last."""

    def work(point: Mapping[str, Value]) -> int:
        hyperparameters = space.parse(space.completed(point))
        try:
            table = layer_table(hyperparameters.layers(num_classes), shape)
        except DoesNotFit:
            return 0
        return hyperparameters.train.epochs * sum(row.multiply_adds for row in table)

    return replace(space, first_points=tuple(sorted(space.first_points, key=work, reverse=True)))
