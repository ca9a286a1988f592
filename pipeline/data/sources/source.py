"""What a source of labelled images offers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:  # what reads only the kind of a source depends on no decoder
    from pipeline.data.images.decode import DecodedImage

# glyphs: letters, digits and signs, which change their meaning in a mirror; photos: scenes and things; unknown: be careful.
Kind = Literal["glyphs", "photos", "unknown"]


@dataclass(frozen=True)
class Sample:
    """One labelled image: `path` names it inside its source.

    split: train, val or test, where the source gives it; group: images of one patient, speaker or scene carry the same.
    """

    path: str
    label: str
    split: str | None
    group: str | None = None


class Source(Protocol):
    """Labelled images, in an order that never changes."""

    @property
    def name(self) -> str:
        """A short name for the set, made of letters, digits, `.`, `_` and `-`."""
        ...

    @property
    def kind(self) -> Kind:
        """What the pictures show, as far as the source knows."""
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

    def stamp(self, path: str) -> str | None:
        """Changes when the stored bytes of a sample may have changed; None when reading it is as cheap as asking."""
        ...

    def ignored(self) -> dict[str, int]:
        """Reason → number of entries that are no samples and were passed over, such as hidden files."""
        ...
