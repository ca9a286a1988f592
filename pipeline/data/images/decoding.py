"""What is a choice in decoding: values only, read from params.yaml and kept in the recipe, so that predict decodes alike."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pipeline.config import Section


class Decoding(Section):
    """`ingest.decode` of params.yaml."""

    pixel_limit: int = Field(default=50_000_000, ge=1, le=178_956_970)  # a few kilobytes can claim gigabytes; Pillow's limit
    animation: Literal["refuse", "first"] = "refuse"  # first: the first frame or page
    background: str = Field(default="#ffffff", pattern="^#[0-9a-fA-F]{6}$")  # what transparent pixels are laid on
    reduce_to: int | None = Field(default=None, ge=1)  # pixels; JPEGs at 1/2, 1/4 or 1/8, no side shorter
