"""Which registered model is meant: NAME, NAME@alias, NAME/version, @alias, or MLflow's own models:/… ."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipeline.errors import WrongValue

SCHEME = "models:/"  # MLflow's
_FORM = re.compile(r"(?P<name>[^@/:]+)?(?:@(?P<alias>[^@/:]+)|/(?P<version>[1-9][0-9]*))?")


@dataclass(frozen=True)
class Reference:
    """name: None for the project's or the only one there is; version: a number as text; without one the alias counts."""

    name: str | None = None
    alias: str = "champion"
    version: str | None = None

    def __str__(self) -> str:
        return f"{self.name or ''}{f'/{self.version}' if self.version else f'@{self.alias}'}"


def parse(text: str) -> Reference:
    """Raises WrongValue for what is none of the forms."""
    named = text.removeprefix(SCHEME)
    found = _FORM.fullmatch(named)
    if not named or found is None or (found["version"] and not found["name"]):
        remedy = "write NAME, NAME@alias, NAME/version or @alias"
        raise WrongValue("the model", why=f"{text!r} names no registered model", remedy=remedy)
    return Reference(found["name"], found["alias"] or "champion", found["version"])


def is_one(text: str) -> bool:
    """Whether it can only be meant as a registered model, not as a folder."""
    return text.startswith(SCHEME) or "@" in text
