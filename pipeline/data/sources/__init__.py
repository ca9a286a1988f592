"""Where labelled images come from: each module of this package but those in NOT_SOURCES is a source, with `open_source`.

The source `fashion-mnist` is the module fashion_mnist.
"""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.config import did_you_mean
from pipeline.data.images.decoding import Decoding
from pipeline.errors import UnknownName

if TYPE_CHECKING:
    from pipeline.data.sources.source import Source

NOT_SOURCES = {"source"}


def names() -> list[str]:
    """The names of all sources, sorted."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__) if module.name not in NOT_SOURCES)


def open_source(name: str, path: str, decoding: Decoding | None = None) -> Source:
    """The source called `name`, which reads encoded images as `decoding` says.

    Raises UnknownName with the names there are, and SourceMissing when the source's files are not at `path`.
    """
    known = names()
    if name not in known:
        why = f"there is no pipeline/data/sources/{name.replace('-', '_')}.py"
        raise UnknownName(f"source {name}", where="ingest.source", why=why, remedy=did_you_mean(name, known))
    module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    source: Source = module.open_source(Path(path), decoding or Decoding())
    return source
