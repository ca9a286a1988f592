"""What is wrong with a search space beyond its form: names and values that the family refuses, first points that cannot be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pipeline.config import YamlFile, did_you_mean
from pipeline.errors import ConvoyError, Problems, UnknownHyperparameter, UnknownName, WrongValue
from pipeline.search import conditions
from pipeline.search.domains import Domain, Fixed
from pipeline.training import hyperparameters
from pipeline.training.hyperparameters import Value

Fault = tuple[str, str]  # why, remedy


def known_names(family: str, file: YamlFile) -> tuple[frozenset[str], list[ConvoyError]]:
    """Every hyperparameter that trials of `family` know; none, and the problem, when there is no such family."""
    try:
        return frozenset(hyperparameters.names(family)), []
    except UnknownName as error:
        return frozenset(), [_at(error, file.where(("family",)))]


def unknown_names(family: str, known: frozenset[str], file: YamlFile) -> list[ConvoyError]:
    """One problem for each entry of `file` whose name is not `known`."""
    why = f"neither the family {family} nor the training knows it"
    return [
        UnknownHyperparameter(name, where=file.where(("hyperparameters", name)), why=why, remedy=did_you_mean(name, known))
        for name in file.data["hyperparameters"]
        if isinstance(name, str) and name not in known
    ]


def refused_values(family: str, domains: Mapping[str, Domain], known: frozenset[str], file: YamlFile) -> list[ConvoyError]:
    """One problem for each bound, choice or fixed value that the family or the training refuses."""
    edges = ((name, inside, value) for name in domains if name in known for inside, value in domains[name].edges())
    return [
        _at(error, file.where(("hyperparameters", name, *inside)))
        for name, inside, value in edges
        for error in _refusals(family, name, value)
    ]


def bad_first_points(points: Sequence[Mapping[str, Value]], domains: Mapping[str, Domain], file: YamlFile) -> list[ConvoyError]:
    """One problem for each value of a first point that could not be tried; a point may name a part of what is searched."""
    fixed = {name: domain.value for name, domain in domains.items() if isinstance(domain, Fixed)}
    return [
        WrongValue(f"first point {index + 1}: {name}", where=file.where(("first_points", index, name)), why=why, remedy=remedy)
        for index, point in enumerate(points)
        for name, value in point.items()
        for why, remedy in _first_point_faults(name, value, {**fixed, **point}, domains)
    ]


def _refusals(family: str, name: str, value: Value) -> Sequence[ConvoyError]:
    try:
        hyperparameters.parse(family, {name: value})
    except Problems as several:
        return several.errors
    except ConvoyError as error:
        return [error]
    return []


def _first_point_faults(name: str, value: Value, point: Mapping[str, Value], domains: Mapping[str, Domain]) -> Iterator[Fault]:
    searched = [other for other, domain in domains.items() if not isinstance(domain, Fixed)]
    if name not in domains:
        yield "not in this space", did_you_mean(name, searched)
    elif name not in searched:
        yield f"fixed at {domains[name]} in this space", "leave it out"
    elif not domains[name].holds(value):
        yield f"{value!r} is outside {domains[name]}", "choose a value inside"
    else:
        for parent, wanted in conditions.requirements(name, domains).items():
            if parent not in point or point[parent] not in wanted:
                why = f"searched only when {parent} is {' or '.join(map(str, wanted))}"
                yield why, f"set {parent} in this point or leave this out"


def _at(error: ConvoyError, where: str) -> ConvoyError:
    return type(error)(error.what, where=where, why=error.why, remedy=error.remedy)
