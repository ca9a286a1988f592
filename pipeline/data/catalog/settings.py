"""`ingest` of params.yaml."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from pipeline.config import Section, did_you_mean
from pipeline.data import sources
from pipeline.data.images.decoding import Decoding


class IngestParams(Section):
    """Which images there are, how they are decoded, and what is done about those that are not as they should be."""

    source: str = "digits"  # a module of pipeline/data/sources
    path: str = "data/raw"  # for the sources that have files
    decode: Decoding = Decoding()
    on_bad_image: Literal["fail", "skip"] = "fail"
    bad_image_share: float = Field(default=0.01, ge=0.0, le=1.0)  # of all samples; with skip, more than this is an error

    @field_validator("source")
    @classmethod
    def _is_a_source(cls, name: str) -> str:
        known = sources.names()
        if name not in known:
            raise ValueError(f"there is no such source, {did_you_mean(name, known)}")
        return name
