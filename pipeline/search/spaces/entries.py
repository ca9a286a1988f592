"""Reads the entries of a search space file one by one, so that a broken one does not hide what is wrong with the others."""

from __future__ import annotations

from pipeline.config import Place, YamlFile, validate
from pipeline.errors import BadRange, ConvoyError, MissingKey, WrongValue
from pipeline.search.spaces.domains import Choices, Domain, Fixed, FloatRange, IntRange

KINDS: dict[str, type[Domain]] = {"int": IntRange, "float": FloatRange, "categorical": Choices}
_KIND_REMEDY = f"choose from {', '.join(KINDS)}"


def read(file: YamlFile) -> tuple[dict[str, Domain], list[ConvoyError]]:
    """Name → domain of every entry that can be drawn from, and what is wrong with the others."""
    entries = file.data.get("hyperparameters")
    domains: dict[str, Domain] = {}
    problems: list[ConvoyError] = []
    for name, entry in entries.items() if isinstance(entries, dict) else ():
        domain, found = _read_entry(str(name), entry, file)
        problems += found
        if domain is not None and not found:
            domains[str(name)] = domain
    return domains, problems


def _read_entry(name: str, entry: object, file: YamlFile) -> tuple[Domain | None, list[ConvoyError]]:
    place: Place = ("hyperparameters", name)
    if not isinstance(entry, dict):
        return validate(Fixed, {"value": entry}, file, place)
    if "type" not in entry:
        return None, [MissingKey(f"{name}.type", where=file.where(place), why="this key is needed", remedy=_KIND_REMEDY)]
    kind = entry["type"]
    if not isinstance(kind, str) or kind not in KINDS:
        where = file.where((*place, "type"))
        return None, [WrongValue(f"{name}.type", where=where, why=f"{kind!r} is no type of range", remedy=_KIND_REMEDY)]
    domain, problems = validate(KINDS[kind], entry, file, place)
    if domain is not None and (fault := domain.fault()):
        problems.append(BadRange(name, where=file.where(place), why=fault[0], remedy=fault[1]))
    return domain, problems
