"""The catalog: every usable image of a source with what is known about it, and every other sample with the reason."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

SPLITS = ("train", "val", "test")

IMAGE_TYPES = {
    "path": "str",
    "label": "str",
    "split": "str",  # as the source gives it, else missing
    "group": "str",  # images of one patient, speaker or scene carry the same; missing where the source knows none
    "digest": "str",  # sha256 of the decoded pixels
    "phash": "str",  # perceptual hash, 16 hexadecimal digits
    "bytes": "int64",  # as stored
    "width": "int32",
    "height": "int32",
    "channels": "int8",
    "mode": "str",  # as stored, in Pillow's words
    "conversions": "str",  # what was done on the way to the decoded pixels, comma separated
}
REJECT_COLUMNS = ("path", "label", "reason")


@dataclass(frozen=True, eq=False)
class Catalog:
    """images: the columns IMAGE_TYPES; rejects: path, label, reason; both sorted by path. classes: all labels there may be.

    A reason begins with a code of docs/images.md; behind a colon it says more.

    thumbnails: uint8 images × THUMBNAIL × THUMBNAIL × 3, row by row those of `images`.
    """

    images: pd.DataFrame
    thumbnails: npt.NDArray[np.uint8]
    rejects: pd.DataFrame
    classes: list[str]

    def reason_codes(self) -> list[str]:
        """What each reject was refused for, without what was particular about it: the reason up to its colon."""
        return [reason.partition(":")[0] for reason in self.rejects["reason"]]

    def without(self, unwanted: pd.Series[bool], reason: str) -> Catalog:
        """The catalog with the `unwanted` images (aligned with `images`) among the rejects."""
        if not unwanted.any():
            return self
        left_out = self.images.loc[unwanted, ["path", "label"]].assign(reason=reason)
        rejects = pd.concat([self.rejects, left_out]).sort_values("path", kind="stable", ignore_index=True)
        images = self.images[~unwanted].reset_index(drop=True)
        return replace(self, images=images, thumbnails=self.thumbnails[~unwanted.to_numpy()], rejects=rejects)


def frame_of_images(rows: Sequence[tuple[object, ...]]) -> pd.DataFrame:
    """Rows in the order of IMAGE_TYPES as a table with these types."""
    return pd.DataFrame(rows, columns=list(IMAGE_TYPES)).astype(IMAGE_TYPES)


def frame_of_rejects(rows: Sequence[tuple[str, str, str]]) -> pd.DataFrame:
    """(path, label, reason) as a table."""
    return pd.DataFrame(rows, columns=list(REJECT_COLUMNS), dtype="str")


def to_files(catalog: Catalog) -> dict[str, bytes]:
    """File name → content: catalog.parquet, thumbnails.npy and rejects.csv."""
    table, thumbnails = io.BytesIO(), io.BytesIO()
    catalog.images.to_parquet(table, index=False)
    np.save(thumbnails, catalog.thumbnails, allow_pickle=False)
    return {
        "catalog.parquet": table.getvalue(),
        "thumbnails.npy": thumbnails.getvalue(),
        "rejects.csv": to_csv(catalog.rejects),
    }


def to_csv(texts: pd.DataFrame) -> bytes:
    """A table of texts for people: a row a line, whatever the names hold."""
    shown = {str(name): texts[name].map(printable) for name in texts}
    return texts.assign(**shown).to_csv(index=False, lineterminator="\n").encode()


def read_images(content: bytes) -> pd.DataFrame:
    """The images of catalog.parquet."""
    return pd.read_parquet(io.BytesIO(content))


def printable(text: str) -> str:
    """The text with every character that a terminal or an editor would not show as itself written as an escape: `a\\nb`."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
