"""What networks of a space cost on this machine: a few of them, trained for some steps on the real images."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pipeline import layout
from pipeline.data.preparation import packed
from pipeline.data.preparation.packed import Packed
from pipeline.data.preparation.recipe import Recipe
from pipeline.errors import DoesNotFit, NothingFits, OverLimit
from pipeline.search.execution.resources import Resources, available_gpus
from pipeline.search.feasibility import cost, require
from pipeline.search.forecast import Pace, Work, pace
from pipeline.search.settings import Limits
from pipeline.search.spaces.space import Space
from pipeline.training.hyperparameters import Value

_DRAWN = 200  # configurations that stand for the space
_STEPS = 4  # of the optimizer in an epoch of the probe
_EPOCHS, _ENOUGH_SECONDS = 12, 0.8  # of one network's probe, at most


@dataclass(frozen=True)
class Candidate:
    """A configuration of the space that fits the images."""

    point: dict[str, Value]
    epochs: int
    work: Work
    parameters: int


@dataclass(frozen=True)
class Probe:
    """What was measured: the pace, bytes of a checkpoint for each parameter of the network, and how long measuring took."""

    pace: Pace
    checkpoint_bytes: float
    networks: int
    seconds: float


def candidates(space: Space, recipe: Recipe, limits: Limits) -> list[Candidate]:
    """Configurations as the space is drawn at random, of those that would be launched; raises NothingFits when none would."""
    known = list(_feasible(space, recipe, limits, space.draws(_DRAWN)))
    if not known:
        why, remedy = (
            f"none of {_DRAWN} networks fits the images",
            "fewer layers or poolings, smaller kernels, or larger images, or higher search.limits",
        )
        raise NothingFits("the search space", where=str(space.path), why=why, remedy=remedy)
    return known


def measure(known: Sequence[Candidate], space: Space, recipe: Recipe, share: Resources) -> Probe:
    """Train the cheapest, the middle and the dearest network for some steps each, alone on this machine."""
    import torch

    torch.set_num_threads(share.threads)
    begun = time.monotonic()
    by_work = sorted(known, key=lambda each: each.work.multiply_adds)
    chosen = [by_work[0], by_work[len(by_work) // 2], by_work[-1]]
    train, val = (packed.read(layout.PROCESSED / split, recipe.digests[split]) for split in ("train", "val"))
    device: Literal["cpu", "cuda"] = "cuda" if share.gpus and available_gpus() else "cpu"  # this machine may be a node without
    measured = [_measured(each, space, recipe, train, val, device) for each in chosen]
    bytes_each = max(size / each.parameters for each, (_, _, size) in zip(chosen, measured, strict=True))
    found = pace([(work, seconds) for work, seconds, _ in measured])
    return Probe(found, bytes_each, len(chosen), time.monotonic() - begun)


def _feasible(space: Space, recipe: Recipe, limits: Limits, points: Sequence[dict[str, Value]]) -> Iterator[Candidate]:
    for point in points:
        parsed = space.parse(point)
        try:
            found = cost(parsed, recipe.shape, len(recipe.classes))
            require(found, limits)
        except (DoesNotFit, OverLimit):
            continue
        yield Candidate(point, parsed.train.epochs, Work.of(parsed, recipe), found.parameters)


def _measured(
    candidate: Candidate, space: Space, recipe: Recipe, train: Packed, val: Packed, device: Literal["cpu", "cuda"]
) -> tuple[Work, float, int]:
    """Work and seconds of a short epoch on the first images, and bytes of a checkpoint."""
    from pipeline.training.fit import Training

    point = space.parse({**candidate.point, "train.epochs": _EPOCHS, "train.learning_rate": 1e-4})
    part = _head(train, _STEPS * point.train.batch_size)
    held_out = _head(val, max(1, len(part) * len(val) // len(train)))
    short = recipe.model_copy(update={"counts": {"train": len(part), "val": len(held_out)}})
    training = Training(point, recipe, seed=0, device=device)
    epochs = training.fit(part, held_out)
    seconds = [next(epochs).seconds]  # the first one makes room and chooses kernels
    while len(seconds) < _EPOCHS and (len(seconds) < 2 or sum(seconds[1:]) < _ENOUGH_SECONDS):
        seconds.append(next(epochs).seconds)
    return Work.of(point, short), statistics.median(seconds[1:]), len(training.checkpoint())


def _head(split: Packed, count: int) -> Packed:
    images = split.images[: min(count, len(split))]
    return replace(split, images=images, labels=split.labels[: len(images)], digests=split.digests[: len(images)], folds=None)
