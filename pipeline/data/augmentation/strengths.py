"""How strongly images are augmented: values only, read by the search space, by params.yaml and by augment.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, PlainValidator

from pipeline.config import Section

if TYPE_CHECKING:
    from pipeline.data.sources.source import Kind

# What `auto` means. A mirrored letter is another letter or none; a photo shows the same thing a little to the side, and the
# eighth of a side, 4 of 32 pixels, is the usual crop (arXiv:1512.03385, section 4.2).
_BY_KIND: dict[Kind, dict[str, float]] = {
    "photos": {"flip": 0.5, "crop": 0.125},
    "glyphs": {"flip": 0.0, "crop": 0.0},
    "unknown": {"flip": 0.0, "crop": 0.0},
}


def _auto_or(highest: float, what: str) -> PlainValidator:
    def accept(value: object) -> object:
        if value == "auto" or (isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= highest):
            return value
        raise ValueError(f"should be auto or {what} from 0 to {highest:g}")

    return PlainValidator(accept)


Flip = Annotated[Literal["auto"] | float, _auto_or(1.0, "a probability")]
Crop = Annotated[Literal["auto"] | float, _auto_or(0.5, "a share")]


class Augmentation(Section):
    """Strengths of the random changes of each image; all zeros, the default, leave it as it is.

    A largest angle, move or factor is the end of a range: each image gets its own value from −largest to largest, all equally
    likely. Colours are values from 0 to 1; a share of the side or of the area is one of the prepared image.
    """

    flip: Flip = 0.0  # probability of a left-right flip; auto: 0.5 for photos, none for glyphs and unknown images
    vertical_flip: float = Field(default=0.0, ge=0.0, le=1.0)  # probability of an upside-down flip
    rotation_degrees: float = Field(default=0.0, ge=0.0, le=180.0)  # largest angle
    scale: float = Field(default=0.0, ge=0.0, le=0.5)  # largest relative zoom, in or out
    shift: float = Field(default=0.0, ge=0.0, le=0.5)  # largest move, as a share of the side
    shear_degrees: float = Field(default=0.0, ge=0.0, le=45.0)  # largest angle by which upright lines lean
    crop: Crop = 0.0  # largest share of the side cut at one edge, a move by whole pixels; auto: 0.125 for photos, else none
    brightness: float = Field(default=0.0, ge=0.0, le=1.0)  # largest relative change of all values
    contrast: float = Field(default=0.0, ge=0.0, le=1.0)  # largest relative change of the distance to the image's mean grey
    saturation: float = Field(default=0.0, ge=0.0, le=1.0)  # largest relative change of the distance to grey; three channels
    hue: float = Field(default=0.0, ge=0.0, le=0.5)  # largest turn of the colour circle, as a share of it; three channels
    noise: float = Field(default=0.0, ge=0.0, le=0.5)  # standard deviation of added Gaussian noise, of values 0–1
    blur: float = Field(default=0.0, ge=0.0, le=5.0)  # largest standard deviation of a Gaussian blur, in pixels
    erase: float = Field(default=0.0, ge=0.0, le=0.5)  # largest share of the area erased (arXiv:1708.04896, arXiv:1708.04552)
    mixup: float = Field(default=0.0, ge=0.0, le=10.0)  # α of Beta(α, α), the share of a second image (arXiv:1710.09412)
    cutmix: float = Field(default=0.0, ge=0.0, le=10.0)  # α of Beta(α, α), the area of a second image (arXiv:1905.04899)
    policy: Literal["none", "randaugment", "trivialaugment"] = "none"  # arXiv:1909.13719, arXiv:2103.10158; see policy.py
    policy_strength: float = Field(default=0.5, ge=0.0, le=1.0)  # share of the largest changes that the policy knows

    @property
    def mixes(self) -> bool:
        """Whether images are mixed with others, so that they have more than one label."""
        return bool(self.mixup or self.cutmix)

    def resolved(self, kind: Kind) -> Augmentation:
        """With numbers for what is `auto`, by what the pictures show."""
        return self.model_copy(update={name: value for name, value in _BY_KIND[kind].items() if getattr(self, name) == "auto"})
