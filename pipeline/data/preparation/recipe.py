"""How images become the uint8 squares a network reads: the parameters asked for, and the recipe that was carried out."""

from __future__ import annotations

import json
from typing import Annotated, Literal

from pydantic import Field

from pipeline.config import Section
from pipeline.data.augmentation.strengths import Augmentation

Fit = Literal["stretch", "crop", "pad"]  # into a square: change the proportions, cut the long side, or add black
Denoise = Literal["none", "median", "gaussian"]  # filters of 3×3 pixels

LARGEST_AUTO_SIZE = 64  # pixels; what `image_size: auto` never goes beyond


class AugmentParams(Augmentation):
    """`preprocess.augment`: how many augmented copies of each train image are stored, and how strongly they are changed."""

    copies: int = Field(default=0, ge=0, le=100)
    rotation_degrees: float = Field(default=10.0, ge=0.0, le=45.0)
    scale: float = Field(default=0.1, ge=0.0, le=0.5)
    shift: float = Field(default=0.1, ge=0.0, le=0.5)
    noise: float = Field(default=0.02, ge=0.0, le=0.5)  # of values 0–1


class PreprocessParams(Section):
    """`preprocess` of params.yaml."""

    image_size: Literal["auto"] | Annotated[int, Field(ge=1, le=1024)] = "auto"  # side in pixels
    fit: Fit = "stretch"
    color: Literal["auto", "grey", "rgb"] = "auto"  # auto: grey when every train image is
    denoise: Denoise = "none"
    augment: AugmentParams = AugmentParams()


class Recipe(Section):
    """Everything needed to prepare an image as the train images were, and to tell their packed files from others.

    `classes` is sorted, its index is the label; `mean` and `std` are per channel, of train pixels/255, never zero;
    `counts` and `digests` (sha256, see packed.py) are of train and val; those of test lie with its files,
    so that nothing that is made from the recipe can depend on them.
    """

    source: str
    classes: tuple[str, ...]
    channels: Literal[1, 3]
    image_size: int
    fit: Fit
    denoise: Denoise
    mean: tuple[float, ...]
    std: tuple[float, ...]
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
