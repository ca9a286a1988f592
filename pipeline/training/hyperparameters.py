"""Everything that a trial varies, as one frozen value with dotted names: `model.*`, `train.*`, `augment.*`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, ValidationError

from pipeline import models
from pipeline.config import Section, did_you_mean
from pipeline.data.augmentation.strengths import Augmentation
from pipeline.errors import ConvoyError, UnknownHyperparameter, WrongValue, raise_all
from pipeline.models.layers import Layer

Value = bool | int | float | str
FAMILY = "family"  # the name of the family among the hyperparameters of a trial


class TrainHyperparameters(Section):
    """`train.*`: how a network is trained."""

    epochs: int = Field(10, ge=1, le=1000)
    batch_size: int = Field(64, ge=1, le=65536)
    learning_rate: float = Field(1e-3, gt=0.0, le=10.0)  # at its peak
    optimizer: Literal["sgd", "adam", "adamw"] = "adam"
    momentum: float = Field(0.9, ge=0.0, lt=1.0)  # of sgd
    weight_decay: float = Field(0.0, ge=0.0, le=1.0)
    decayed: Literal["weights", "all"] = "weights"  # weights: neither biases nor the scales and shifts of normalization
    schedule: Literal["constant", "cosine", "one_cycle"] = "constant"  # see optimizer.py
    label_smoothing: float = Field(0.0, ge=0.0, le=0.5)
    averaging: float = Field(0.0, ge=0.0, le=1.0)  # share of the steps so far over which weights are averaged; 0: the last ones


@dataclass(frozen=True)
class Hyperparameters:
    """One point of a search space: `model` is the Hyperparameters of `family`."""

    family: str
    model: Section
    train: TrainHyperparameters
    augment: Augmentation

    def flat(self) -> dict[str, Value]:
        """Dotted name → value of every hyperparameter; `parse` reads it back."""
        return {f"{group}.{name}": value for group in _GROUPS for name, value in getattr(self, group).model_dump().items()}

    def layers(self, num_classes: int) -> tuple[Layer, ...]:
        """The network that these hyperparameters describe."""
        layers: tuple[Layer, ...] = models.family(self.family).layers(self.model, num_classes)
        return layers


_GROUPS = ("model", "train", "augment")


def names(family: str) -> dict[str, Value]:
    """Every dotted name that trials of `family` know → its default; raises UnknownName."""
    return parse(family, {}).flat()


def parse(family: str, flat: Mapping[str, Value]) -> Hyperparameters:
    """The typed value of dotted names, defaults for those left out; `family` may be among the names.

    Raises UnknownName for the family, UnknownHyperparameter, WrongValue, or Problems holding several of these.
    """
    sections = {"model": models.family(family).Hyperparameters, "train": TrainHyperparameters, "augment": Augmentation}
    known = [f"{group}.{name}" for group, section in sections.items() for name in section.model_fields]
    problems: list[ConvoyError] = [_unknown(name, family, known) for name in flat if name not in (*known, FAMILY)]
    parsed: dict[str, Any] = {}
    for group, section in sections.items():
        values = {name.partition(".")[2]: value for name, value in flat.items() if name in known and name.startswith(f"{group}.")}
        try:
            parsed[group] = section(**values)
        except ValidationError as failure:
            problems += [_wrong(group, problem) for problem in failure.errors()]
    raise_all(problems)
    return Hyperparameters(family, **parsed)


def _unknown(name: str, family: str, known: list[str]) -> UnknownHyperparameter:
    why = f"family {family} and the training know no such hyperparameter"
    return UnknownHyperparameter(name, why=why, remedy=did_you_mean(name, known))


def _wrong(group: str, problem: Any) -> WrongValue:
    name = ".".join(str(step) for step in (group, *problem["loc"]))
    return WrongValue(name, why=f"{problem['input']!r}: {problem['msg']}", remedy="correct the value")
