"""The `when:` of a search space as a graph: which hyperparameter is drawn after which, and which can never be drawn."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

from pipeline.config import Place, YamlFile, did_you_mean
from pipeline.errors import ConvoyError, UnknownHyperparameter, UnreachableCondition
from pipeline.search.spaces.domains import Domain
from pipeline.training.hyperparameters import Value


def ordered(domains: Mapping[str, Domain]) -> list[str]:
    """All names, parents before children, else by name; raises graphlib.CycleError."""
    sorter = TopologicalSorter({name: domain.when.keys() & domains.keys() for name, domain in domains.items()})
    sorter.prepare()
    names: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        names += ready
        sorter.done(*ready)
    return names


def requirements(name: str, domains: Mapping[str, Domain]) -> dict[str, tuple[Value, ...]]:
    """Ancestor → its values under which `name` is searched; no values where the conditions of two ancestors contradict."""
    needed: dict[str, tuple[Value, ...]] = {}
    for parent, wanted in domains[name].when.items():
        above = requirements(parent, domains) if parent in domains else {}
        for ancestor, values in ({parent: wanted} | above).items():
            needed[ancestor] = tuple(value for value in needed.get(ancestor, values) if value in values)
    return needed


def problems(domains: Mapping[str, Domain], known: Collection[str], file: YamlFile) -> list[ConvoyError]:
    """Every condition that can never hold; `known`: the legal names, `domains`: the family and the readable entries of `file`."""
    found = [error for name in domains for error in _parent_problems(name, domains, known, file)]
    if found:
        return found
    try:
        ordered(domains)
    except CycleError as cycle:
        return [_cycle(cycle.args[1], file)]
    return [error for name in domains for error in _contradictions(name, domains, file)]


def _parent_problems(name: str, domains: Mapping[str, Domain], known: Collection[str], file: YamlFile) -> Iterator[ConvoyError]:
    for parent, wanted in domains[name].when.items():
        where = file.where(_place(name, parent))
        if parent not in known:
            remedy = did_you_mean(parent, known)
            yield UnknownHyperparameter(parent, where=where, why="no hyperparameter has this name", remedy=remedy)
        elif parent not in domains and parent not in file.data["hyperparameters"]:
            why = f"its condition {parent} is not in this space"
            yield UnreachableCondition(name, where=where, why=why, remedy=f"add {parent} or drop the condition")
        elif not wanted:
            yield UnreachableCondition(name, where=where, why=f"no value of {parent} is named", remedy="name at least one")
        elif parent in domains:
            for value in wanted:
                if not domains[parent].holds(value):
                    why = f"{parent} is never {value}"
                    yield UnreachableCondition(name, where=where, why=why, remedy=f"choose from {domains[parent]}")


def _contradictions(name: str, domains: Mapping[str, Domain], file: YamlFile) -> Iterator[ConvoyError]:
    for parent, values in requirements(name, domains).items():
        if not values:
            why = f"its conditions need {parent} to have two values at once"
            yield UnreachableCondition(name, where=file.where(_place(name)), why=why, remedy="make the conditions agree")


def _cycle(names: list[str], file: YamlFile) -> ConvoyError:
    why = f"the conditions wait for each other: {' → '.join(names)}"
    return UnreachableCondition(names[-1], where=file.where(_place(names[-1])), why=why, remedy="drop one of them")


def _place(name: str, *parent: str) -> Place:
    return ("hyperparameters", name, "when", *parent)
