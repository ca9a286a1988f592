"""What a source of labelled images offers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pipeline.data.images.decode import DecodedImage


@dataclass(frozen=True)
class Sample:
    """One labelled image: `path` names it inside its source; `split` is train, val or test where the source gives it."""

    path: str
    label: str
    split: str | None


class Source(Protocol):
    """Labelled images, in an order that never changes."""

    @property
    def name(self) -> str:
        """A short name for the set, made of letters, digits, `.`, `_` and `-`."""
        ...

    def classes(self) -> list[str]:
        """Every class the source declares, sorted, also those without an image."""
        ...

    def samples(self) -> list[Sample]:
        """Every sample, sorted by path."""
        ...

    def read(self, path: str) -> DecodedImage:
        """The pixels of one sample; raises ImageRefused with a reason code."""
        ...
