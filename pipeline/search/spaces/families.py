"""The families of a search space: one, or several among which it searches, and what each knows.

The family is a hyperparameter like others, called `family`. A name that only some of a space's families know is searched for
those alone, as if the file said so under `when:`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import PlainValidator

from pipeline.config import YamlFile
from pipeline.errors import ConvoyError, UnknownName, UnreachableCondition
from pipeline.search.spaces.domains import Choices, Domain, Fixed
from pipeline.training import hyperparameters
from pipeline.training.hyperparameters import FAMILY

Known = Mapping[str, frozenset[str]]  # family → the names of its hyperparameters and of the training's


def _names(value: object) -> tuple[str, ...]:
    names = value if isinstance(value, list) else [value]
    if not names or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise ValueError("should be a family or a list of different families")
    return tuple(sorted(names))


FamilyNames = Annotated[tuple[str, ...], PlainValidator(_names)]


def known(file: YamlFile) -> tuple[Known, list[ConvoyError]]:
    """What each family of the file knows; without those that do not exist, each of which is a problem, or are not readable."""
    try:
        names = _names(file.data.get(FAMILY))
    except ValueError:
        return {}, []  # said by the check of the file's form
    found: dict[str, frozenset[str]] = {}
    problems: list[ConvoyError] = []
    for name in names:
        try:
            found[name] = frozenset(hyperparameters.names(name))
        except UnknownName as error:
            written = file.data[FAMILY]
            place = (FAMILY, written.index(name)) if isinstance(written, list) else (FAMILY,)
            problems.append(UnknownName(error.what, where=file.where(place), why=error.why, remedy=error.remedy))
    return found, problems


def knowing(name: str, known: Known) -> tuple[str, ...]:
    """The families that know a hyperparameter, sorted."""
    return tuple(sorted(family for family, names in known.items() if name in names))


def with_family(domains: Mapping[str, Domain], known: Known) -> dict[str, Domain]:
    """The domains and that of the family, each name bound to the families that know it; a single family is fixed."""
    families = tuple(sorted(known))
    one: Domain = Fixed(value=families[0]) if len(families) == 1 else Choices.of(families)
    return {FAMILY: one} | {name: _bound(domain, knowing(name, known), families) for name, domain in domains.items()}


def problems(domains: Mapping[str, Domain], known: Known, file: YamlFile) -> Iterator[ConvoyError]:
    """Every condition on a family that does not know the hyperparameter."""
    for name, domain in domains.items():
        able = knowing(name, known)
        for family in domain.when.get(FAMILY, ()):
            if able and family in known and family not in able:
                where = file.where(("hyperparameters", name, "when", FAMILY))
                why, remedy = f"the family {family} has no such hyperparameter", f"choose from {', '.join(able)}, or leave it out"
                yield UnreachableCondition(name, where=where, why=why, remedy=remedy)


def _bound(domain: Domain, able: tuple[str, ...], families: tuple[str, ...]) -> Domain:
    if FAMILY in domain.when or not able or able == families:
        return domain
    return domain.model_copy(update={"when": {FAMILY: able, **domain.when}})
