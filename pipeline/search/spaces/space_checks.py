"""What is wrong with a search space beyond its form: names and values that the family refuses, first points that cannot be."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from pipeline.config import YamlFile, did_you_mean
from pipeline.errors import ConvoyError, Problems, UnknownHyperparameter, WrongValue
from pipeline.search.spaces import conditions
from pipeline.search.spaces.domains import Domain, Fixed
from pipeline.search.spaces.families import Known, knowing
from pipeline.training import hyperparameters
from pipeline.training.hyperparameters import FAMILY, Value

Fault = tuple[str, str]  # why, remedy


def unknown_names(known: Known, file: YamlFile) -> list[ConvoyError]:
    """One problem for each entry of `file` whose name no family knows."""
    every = frozenset[str]().union(*known.values())
    why = f"neither the {listed(known)} nor the training knows it"
    return [
        UnknownHyperparameter(name, where=file.where(("hyperparameters", name)), why=why, remedy=did_you_mean(name, every))
        for name in file.data["hyperparameters"]
        if isinstance(name, str) and name not in every
    ]


def listed(families: Collection[str]) -> str:
    """ "family cnn", or "families cnn, resnet"."""
    return f"{'family' if len(families) == 1 else 'families'} {', '.join(sorted(families))}"


def refused_values(domains: Mapping[str, Domain], known: Known, file: YamlFile) -> list[ConvoyError]:
    """One problem for each bound, choice or fixed value that a family for which it is searched, or the training, refuses."""
    edges = ((name, inside, value) for name in domains for inside, value in domains[name].edges())
    return [
        _at(error, file.where(("hyperparameters", name, *inside)))
        for name, inside, value in edges
        for error in _refusals(_searching(name, domains[name], known), name, value)
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


def _searching(name: str, domain: Domain, known: Known) -> list[str]:
    """The families for which a hyperparameter is searched."""
    return [family for family in knowing(name, known) if family in domain.when.get(FAMILY, known)]


def _refusals(families: Sequence[str], name: str, value: Value) -> Sequence[ConvoyError]:
    """What the first family that refuses the value says."""
    for family in families:
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
