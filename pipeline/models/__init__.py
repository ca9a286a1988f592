"""Model families: each module of this package but layers, memory and blocks is one, with `Hyperparameters` and `layers`."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from pipeline.config import did_you_mean
from pipeline.errors import UnknownName

NOT_FAMILIES = {"layers", "memory", "blocks"}


def families() -> list[str]:
    """Names of all families, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name not in NOT_FAMILIES)


def family(name: str) -> ModuleType:
    """The module of a family; raises UnknownName with the names there are."""
    known = families()
    if name not in known:
        why = f"there is no pipeline/models/{name}.py"
        raise UnknownName(f"model family {name}", why=why, remedy=did_you_mean(name, known))
    return importlib.import_module(f"{__name__}.{name}")
