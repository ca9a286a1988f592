"""`preprocess.augment` of params.yaml: augmented copies that are stored beside the train images."""

from __future__ import annotations

from pydantic import Field

from pipeline.config import YamlFile
from pipeline.data.augmentation.strengths import Augmentation, Flip
from pipeline.errors import ConvoyError, MixedCopies


class AugmentParams(Augmentation):
    """How many augmented copies of each train image are stored, and how strongly they are changed."""

    copies: int = Field(default=0, ge=0, le=100)
    flip: Flip = "auto"
    rotation_degrees: float = Field(default=10.0, ge=0.0, le=180.0)
    scale: float = Field(default=0.1, ge=0.0, le=0.5)
    shift: float = Field(default=0.1, ge=0.0, le=0.5)
    noise: float = Field(default=0.02, ge=0.0, le=0.5)


def mixing_refused(strengths: Augmentation, file: YamlFile | None = None) -> list[ConvoyError]:
    """MixedCopies for each strength that would give a stored copy two labels, with its place in params.yaml."""
    why = "a stored copy has one label, a mixed image has two"
    remedy = "set it to 0 here and mix while training, in the search space"
    names = [name for name in ("mixup", "cutmix") if getattr(strengths, name)]
    places = [("preprocess", "augment", name) for name in names]
    return [MixedCopies(".".join(p), where=file.where(p) if file else "", why=why, remedy=remedy) for p in places]
