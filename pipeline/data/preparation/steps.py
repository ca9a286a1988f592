"""The steps of a preparation: small values with one method each, read from `preprocess.steps` and kept in the recipe.

A step is written as its key and its options: `denoise: median`, `contrast: {clip: 2.0}`, `contrast`. A new one is a class here
and a module for its arithmetic, which is imported when it runs, so that reading params.yaml or a recipe never waits for torch.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Protocol

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_serializer, model_validator

from pipeline.config import Section, did_you_mean
from pipeline.errors import WrongValue

if TYPE_CHECKING:
    import torch


class Step(Protocol):
    """What every step is."""

    @property
    def key(self) -> str:
        """Its name in params.yaml."""
        ...

    def apply(self, images: torch.Tensor, side: int) -> torch.Tensor:
        """uint8 N×C×H×W, C 1 or 3, changed, never in place; `side`: the pixels S a side that resize makes.

        Each image comes out the same alone and in any batch, and on every machine: in whole numbers, wherever torch does not
        promise more. torch.export must carry it for any N, H and W from 1; exportable.py tells.
        """
        ...


class _Step(Section):
    """Reads and writes `key: options`, or `key: value` where there is one option."""

    key: ClassVar[str]

    @model_validator(mode="before")
    @classmethod
    def _options(cls, written: Any) -> Any:
        if not isinstance(written, dict) or set(written) != {cls.key}:
            return written
        options = {} if written[cls.key] is None else written[cls.key]
        known = list(cls.model_fields)
        if not isinstance(options, dict):
            return {known[0]: options} if len(known) == 1 else options
        for name in options.keys() - cls.model_fields.keys():
            raise ValueError(f"{cls.key} has no option {name!r}, {did_you_mean(str(name), known)}")
        return options

    @model_serializer
    def _written(self) -> dict[str, dict[str, Any]]:
        return {self.key: {name: getattr(self, name) for name in type(self).model_fields}}


class Denoise(_Step):
    """Noise reduction: 3×3 median, 3×3 binomial (Gaussian), or 5×5 bilateral, which keeps edges."""

    key = "denoise"
    filter: Literal["median", "gaussian", "bilateral"]

    def apply(self, images: torch.Tensor, side: int) -> torch.Tensor:
        """See Step and denoise.py."""
        from pipeline.data.preparation import denoise

        return denoise.FILTERS[self.filter](images)


class Resize(_Step):
    """Into a square: change the proportions, cut the long side, add black, or cut to the object on a uniform background."""

    key = "resize"
    fit: Literal["stretch", "crop", "pad", "object"]

    def apply(self, images: torch.Tensor, side: int) -> torch.Tensor:
        """See Step and resize.py."""
        from pipeline.data.preparation import resize

        return resize.FITS[self.fit](images, side)


class Contrast(_Step):
    """Local contrast within limits (CLAHE): `tiles`×`tiles` histograms, no level counted beyond `clip` times its even share."""

    key = "contrast"
    clip: float = Field(default=2.0, ge=1.0, le=256.0)
    tiles: int = Field(default=4, ge=1, le=32)  # a side

    def apply(self, images: torch.Tensor, side: int) -> torch.Tensor:
        """See Step and contrast.py; `require_room` says beforehand whether the tiles fit."""
        from pipeline.data.preparation import contrast

        return contrast.equalize(images, side, self.clip, self.tiles)


def require_room(steps: Iterable[Step], side: int) -> None:
    """Raises WrongValue for a contrast step with more tiles a side than the prepared images have pixels."""
    for index, step in enumerate(steps):
        if isinstance(step, Contrast) and step.tiles > side:
            where = f"preprocess.steps.{index}.contrast.tiles"
            why = f"{step.tiles} tiles a side do not fit in {side}×{side} pixels"
            raise WrongValue("contrast", where=where, why=why, remedy=f"choose ≤ {side} tiles or larger images")


def _key(written: Any) -> str | None:
    return next(iter(written)) if isinstance(written, dict) else getattr(written, "key", None)


def _is_a_step(written: Any) -> Any:
    known = [kind.key for kind in (Denoise, Resize, Contrast)]
    if isinstance(written, str) and written in known:
        return {written: None}
    if isinstance(written, dict) and len(written) != 1:
        raise ValueError("one step has one key, start each with `- `")
    if _key(written) not in known:
        raise ValueError(f"there is no such step, {did_you_mean(str(_key(written) or written), known)}")
    return written


def _in_order(steps: tuple[_Step, ...]) -> tuple[_Step, ...]:
    keys = [step.key for step in steps]
    if keys.count("resize") != 1:
        raise ValueError(f"{keys.count('resize')} steps are `resize`, keep exactly one")
    if "contrast" in keys[: keys.index("resize")]:
        raise ValueError("contrast divides the square that resize makes, move `contrast` behind `resize`")
    return steps


_OneStep = Annotated[
    Annotated[
        Annotated[Denoise, Tag("denoise")] | Annotated[Resize, Tag("resize")] | Annotated[Contrast, Tag("contrast")],
        Discriminator(_key),
    ],
    BeforeValidator(_is_a_step),
]
Steps = Annotated[tuple[_OneStep, ...], Field(strict=False), AfterValidator(_in_order)]
