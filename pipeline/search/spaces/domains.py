"""What one hyperparameter of a search space may take: a range, choices or a fixed value, and when it is searched at all."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Annotated, Literal, cast

import optuna
from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator
from pydantic_core import PydanticCustomError

from pipeline.config import Place, Section
from pipeline.training.hyperparameters import Value


def _scalar(value: object) -> Value:
    if isinstance(value, (bool, int, str)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise PydanticCustomError("scalar", "should be one text, finite number or true/false")


def _listed(value: object) -> object:
    """A YAML list as the tuple that strict validation wants; a lone value as a tuple of one."""
    return tuple(value) if isinstance(value, list) else (value,)


def _in_order(values: tuple[Value, ...]) -> tuple[Value, ...]:
    """Sorted by type, then value, so that the order written in the file means nothing."""
    return tuple(sorted(values, key=lambda value: (type(value).__name__, value)))


Scalar = Annotated[Value, PlainValidator(_scalar)]
Values = Annotated[tuple[Scalar, ...], BeforeValidator(_listed), AfterValidator(_in_order)]


class Domain(Section, ABC):
    """One entry of a search space; `when` maps each parent to its values that make this hyperparameter searched (all must)."""

    when: dict[str, Values] = Field(default_factory=dict)

    def active(self, values: Mapping[str, Value]) -> bool:
        """True if every parent has one of its wanted values; a parent that is itself left out has none."""
        return all(parent in values and values[parent] in wanted for parent, wanted in self.when.items())

    def fault(self) -> tuple[str, str] | None:
        """Why nothing can be drawn from this domain, and the remedy; None if something can."""
        return None

    @abstractmethod
    def edges(self) -> list[tuple[Place, Value]]:
        """The values that must be legal for all to be, each with its place inside the entry."""

    @abstractmethod
    def holds(self, value: Value) -> bool:
        """True if `value` can be drawn."""

    def typed(self, value: Value) -> Value:
        """A value that holds, in the type that is drawn."""
        return value

    def values(self, most: int) -> list[Value] | None:
        """Every value that can be drawn; None if there are more than `most`."""
        return None

    def middle(self) -> Value:
        """The middle of a range, by its logarithm where that is drawn evenly; else the first value."""
        return self.edges()[0][1]

    @abstractmethod
    def suggest(self, trial: optuna.Trial, name: str) -> Value:
        """The value that Optuna's sampler draws for `name`."""


class IntRange(Domain):
    """Whole numbers from low to high, both included; `log` draws them evenly by their logarithm."""

    type: Literal["int"]
    low: int
    high: int
    step: int | None = None
    log: bool = False

    def fault(self) -> tuple[str, str] | None:
        return _range_fault(self)

    def edges(self) -> list[tuple[Place, Value]]:
        return [(("low",), self.low), (("high",), self.high)]

    def holds(self, value: Value) -> bool:
        return type(value) is int and self.low <= value <= self.high and (value - self.low) % (self.step or 1) == 0

    def values(self, most: int) -> list[Value] | None:
        found = range(self.low, self.high + 1, self.step or 1)
        return list(found) if len(found) <= most else None

    def middle(self) -> int:
        return round(_middle(self))

    def suggest(self, trial: optuna.Trial, name: str) -> int:
        return trial.suggest_int(name, self.low, self.high, step=self.step or 1, log=self.log)

    def __str__(self) -> str:
        return _range_text(self)


class FloatRange(Domain):
    """Real numbers from low to high, both included; `log` draws them evenly by their logarithm."""

    type: Literal["float"]
    low: float
    high: float
    step: float | None = None
    log: bool = False

    def fault(self) -> tuple[str, str] | None:
        return _range_fault(self)

    def edges(self) -> list[tuple[Place, Value]]:
        return [(("low",), self.low), (("high",), self.high)]

    def holds(self, value: Value) -> bool:
        if type(value) not in (int, float) or not self.low <= float(value) <= self.high:
            return False
        return self.step is None or _steps(self.low, float(value), self.step) % 1 == 0

    def typed(self, value: Value) -> float:
        return float(value)

    def values(self, most: int) -> list[Value] | None:
        if self.low == self.high:
            return [self.low]
        if self.step is None or (steps := int(_steps(self.low, self.high, self.step))) >= most:
            return None
        return [float(Decimal(str(self.low)) + index * Decimal(str(self.step))) for index in range(steps + 1)]

    def middle(self) -> float:
        return _middle(self)

    def suggest(self, trial: optuna.Trial, name: str) -> float:
        return trial.suggest_float(name, self.low, self.high, step=self.step, log=self.log)

    def __str__(self) -> str:
        return _range_text(self)


class Choices(Domain):
    """One of several values that have no order."""

    type: Literal["categorical"]
    choices: Values

    @classmethod
    def of(cls, choices: Iterable[Value]) -> Choices:
        """These choices, not from a file."""
        return cls.model_validate({"type": "categorical", "choices": list(choices)})

    def fault(self) -> tuple[str, str] | None:
        if not self.choices:
            return "choices are empty", "name at least one"
        twice = [str(value) for index, value in enumerate(self.choices) if value in self.choices[:index]]
        return (f"{twice[0]} is given twice", "name each choice once") if twice else None

    def edges(self) -> list[tuple[Place, Value]]:
        return [(("choices",), value) for value in self.choices]

    def holds(self, value: Value) -> bool:
        return any(type(value) is type(choice) and value == choice for choice in self.choices)

    def values(self, most: int) -> list[Value] | None:
        return list(self.choices) if len(self.choices) <= most else None

    def suggest(self, trial: optuna.Trial, name: str) -> Value:
        return cast(Value, trial.suggest_categorical(name, self.choices))  # Optuna knows None too

    def __str__(self) -> str:
        return ", ".join(map(str, self.choices))


class Fixed(Domain):
    """Always the same value, unknown to the sampler."""

    type: Literal["fixed"] = "fixed"
    value: Scalar

    def edges(self) -> list[tuple[Place, Value]]:
        return [((), self.value)]

    def holds(self, value: Value) -> bool:
        return type(value) is type(self.value) and value == self.value

    def values(self, most: int) -> list[Value] | None:
        return [self.value]

    def suggest(self, trial: optuna.Trial, name: str) -> Value:
        return self.value

    def __str__(self) -> str:
        return str(self.value)


def _range_fault(domain: IntRange | FloatRange) -> tuple[str, str] | None:
    low, high, step = domain.low, domain.high, domain.step
    if low > high:
        return f"low {low} > high {high}", "swap them"
    if domain.log and low <= 0:
        return f"log needs low > 0, here {low}", "raise low or drop log"
    if domain.log and step is not None:
        return "log and step exclude each other", "drop one of them"
    if step is None:
        return None
    if step <= 0:
        return f"step {step} is not above 0", "choose a step above 0"
    if step > high - low:
        return f"step {step} is wider than {low} to {high}", "choose a smaller step"
    if _steps(low, high, step) % 1:
        return f"step {step} does not lead from {low} to {high}", f"choose a step that divides {high - low:.10g}"
    return None


def _middle(domain: IntRange | FloatRange) -> float:
    return math.sqrt(domain.low * domain.high) if domain.log else (domain.low + domain.high) / 2


def _steps(low: float, value: float, step: float) -> Decimal:
    """How many steps from low to value, in decimal: 0.1 is meant as written."""
    return (Decimal(str(value)) - Decimal(str(low))) / Decimal(str(step))


def _range_text(domain: IntRange | FloatRange) -> str:
    step = f" in steps of {domain.step}" if domain.step is not None else ""
    return f"{domain.low} to {domain.high}{step}"
