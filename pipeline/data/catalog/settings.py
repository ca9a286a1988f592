"""`ingest` of params.yaml."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from pipeline.config import Section, did_you_mean
from pipeline.data import sources
from pipeline.data.images.decoding import Decoding


class IngestParams(Section):
    """Which images there are, how they are decoded, and what is done about those that are not as they should be.

    fail: an error that names them all; skip, drop: left out and listed in rejects.csv; keep: as they are.
    """

    source: str = "digits"  # a module of pipeline/data/sources
    path: str = "data/raw"  # for the sources that have files
    download: bool = True  # a named set that is not at `path`; its files are checked by sha256
    kind: Literal["auto", "photos", "glyphs", "unknown"] = "auto"  # what the pictures show; auto: what the source says
    decode: Decoding = Decoding()
    on_bad_image: Literal["fail", "skip"] = "fail"
    bad_image_share: float = Field(default=0.01, ge=0.0, le=1.0)  # of all samples; with skip, more than this is an error
    on_similar_labels: Literal["fail", "merge", "keep"] = "fail"  # merge: into the spelling with most images
    on_contradiction: Literal["fail", "drop", "keep"] = "drop"  # identical pixels under two labels; nobody can learn both
    contradiction_share: float = Field(default=0.005, ge=0.0, le=1.0)  # of all images; more than this is always an error
    on_small_class: Literal["fail", "drop", "merge"] = "fail"  # merge: all of them into one class, `other`
    smallest_class: int = Field(default=3, ge=3)  # distinct images: at least one for each of train, val and test
    workers: Literal["auto"] | int = "auto"  # processes that decode; auto: the cores this process may use

    @field_validator("source")
    @classmethod
    def _is_a_source(cls, name: str) -> str:
        known = sources.names()
        if name not in known:
            raise ValueError(f"there is no such source, {did_you_mean(name, known)}")
        return name

    @field_validator("workers")
    @classmethod
    def _is_a_number_of_processes(cls, workers: int | str) -> int | str:
        if isinstance(workers, int) and workers < 1:
            raise ValueError("at least 1 process has to decode")
        return workers
