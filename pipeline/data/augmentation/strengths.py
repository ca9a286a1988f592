"""How strongly images are augmented: values only, read by the search space, by params.yaml and by augment.py."""

from __future__ import annotations

from pydantic import Field

from pipeline.config import Section


class Augmentation(Section):
    """Strengths of a random change of each image; all zeros, the default, leave it as it is."""

    flip: float = Field(default=0.0, ge=0.0, le=1.0)  # probability of a left-right flip
    rotation_degrees: float = Field(default=0.0, ge=0.0, le=45.0)  # largest angle, either way
    scale: float = Field(default=0.0, ge=0.0, le=0.5)  # largest relative zoom, in or out
    shift: float = Field(default=0.0, ge=0.0, le=0.5)  # largest move, as a share of the side
    noise: float = Field(default=0.0, ge=0.0, le=0.5)  # standard deviation of added Gaussian noise, in units of the values given

    @property
    def warps(self) -> bool:
        """Whether pixels move (other than by a flip)."""
        return bool(self.rotation_degrees or self.scale or self.shift)
