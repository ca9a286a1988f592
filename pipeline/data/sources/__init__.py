"""Where labelled images come from: each module of this package but those in NOT_SOURCES is a source, with `open_source`.

The source `fashion-mnist` is the module fashion_mnist. What several of them share lies in `reading`.
"""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from pipeline.config import did_you_mean
from pipeline.data.images.decoding import Decoding
from pipeline.errors import UnknownName

if TYPE_CHECKING:
    from pipeline.data.sources.downloads import Downloads
    from pipeline.data.sources.source import Source

NOT_SOURCES = {"downloads", "reading", "source"}


def names() -> list[str]:
    """The names of all sources, sorted."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__) if module.name not in NOT_SOURCES)


def open_source(name: str, path: str, decoding: Decoding | None = None, downloads: Downloads | None = None) -> Source:
    """The source called `name`, which reads encoded images as `decoding` says and fetches and unpacks as `downloads` says.

    Without `downloads` nothing is fetched. Raises UnknownName with the names there are, SourceMissing when the source's files are
    not at `path`, DownloadFailed when they could not be fetched, and what the source finds wrong with them.
    """
    from pipeline.data.sources.downloads import default

    source: Source = _module(name).open_source(Path(path), decoding or Decoding(), downloads or default())
    return source


def to_fetch(name: str, path: str, downloads: Downloads) -> Path | None:
    """The folder into which a named set would be fetched; None when its files are there, and for what is no named set."""
    named = getattr(_module(name), "SET", None)
    if named is None or named.is_here(Path(path), downloads):
        return None
    return downloads.folder / name


def is_named_set(name: str) -> bool:
    """Whether the source is a published set, whose labels nobody here has typed."""
    return hasattr(_module(name), "SET")


def _module(name: str) -> ModuleType:
    known = names()
    if name not in known:
        why = f"there is no pipeline/data/sources/{name.replace('-', '_')}.py"
        raise UnknownName(f"source {name}", where="ingest.source", why=why, remedy=did_you_mean(name, known))
    return importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
