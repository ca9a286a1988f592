"""How images become the uint8 squares a network reads: the parameters asked for, and the recipe that was carried out."""

from __future__ import annotations

import json
from typing import Annotated, Literal

from pydantic import Field

from pipeline.config import Section
from pipeline.data.augmentation.settings import AugmentParams
from pipeline.data.images.decoding import Decoding
from pipeline.data.preparation.steps import Resize, Steps
from pipeline.data.sources.source import Kind

SMALLEST_SIZE = 2  # pixels; torch 2.13 resizes to a width of 1 wrongly
LARGEST_AUTO_SIZE = 64  # pixels; what `image_size: auto` never goes beyond


class PreprocessParams(Section):
    """`preprocess` of params.yaml."""

    image_size: Literal["auto"] | Annotated[int, Field(ge=SMALLEST_SIZE, le=1024)] = "auto"  # side in pixels
    color: Literal["auto", "grey", "rgb"] = "auto"  # auto: grey when every train image is
    steps: Steps = (Resize(fit="stretch"),)  # in this order
    class_weights: Literal["none", "balanced"] = "none"  # of the loss; balanced: the rarer the class, the more an image counts
    shard_megabytes: int = Field(default=64, ge=1, le=1024)  # largest file of packed images
    workers: Literal["auto"] | Annotated[int, Field(ge=1)] = "auto"  # processes; auto: the cores this process may use
    augment: AugmentParams = AugmentParams()


class Recipe(Section):
    """Everything needed to prepare an image as the train images were, and to tell their packed files from others.

    `classes` is sorted, its index is the label; `decode` and `kind` (what the pictures show) are those of ingest;
    `class_weights` by label, of mean 1 over the train images, or None; `mean` and `std` are per channel, of train pixels/255,
    without augmented copies, never zero; `counts` and `digests` (sha256, see packed.py) are of train and val; those of test
    lie with its files, so that nothing that is made from the recipe can depend on them.
    """

    source: str
    kind: Kind
    classes: tuple[str, ...]
    decode: Decoding
    channels: Literal[1, 3]
    image_size: int
    steps: Steps
    mean: tuple[float, ...]
    std: tuple[float, ...]
    class_weights: tuple[float, ...] | None
    counts: dict[str, int]
    digests: dict[str, str]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of a prepared image."""
        return (self.channels, self.image_size, self.image_size)

    def to_bytes(self) -> bytes:
        """JSON with sorted keys; floats are written so that they are read back exactly."""
        return (json.dumps(self.model_dump(mode="json"), indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Recipe:
        """The recipe written by to_bytes; raises pydantic.ValidationError for anything else."""
        return cls.model_validate_json(content)
