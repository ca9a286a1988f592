"""Where labelled images come from: `ingest` of params.yaml, and the table of sources it chooses from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pydantic import Field

from pipeline.config import Section
from pipeline.data.digits import Digits
from pipeline.data.fashion_mnist import FashionMnist
from pipeline.data.folder import Folder
from pipeline.data.sample import Source


class IngestParams(Section):
    """`ingest` of params.yaml; `path` is read by the sources that have files."""

    source: Literal["digits", "fashion-mnist", "folder"] = "digits"
    path: str = "data/raw"
    on_bad_image: Literal["fail", "skip"] = "fail"
    bad_image_share: float = Field(default=0.01, ge=0.0, le=1.0)  # of all samples; with skip, more than this is an error


SOURCES: dict[str, Callable[[Path], Source]] = {
    "digits": lambda _path: Digits(),
    "fashion-mnist": FashionMnist,
    "folder": Folder,
}


def open_source(source: str, path: str) -> Source:
    """The source called `source`, which must be in SOURCES; raises SourceMissing when its files are not at `path`."""
    return SOURCES[source](Path(path))
