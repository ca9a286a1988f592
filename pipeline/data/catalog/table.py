"""The catalog: every image of a source with its label and digest, every reject with its reason, and what makes a set unusable."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from pipeline.data.images.decode import pixel_digest
from pipeline.errors import ClassTooSmall, ConvoyError, EmptyClass, ImageRefused, NoImages, OneClass, UnreadableImages, raise_all

if TYPE_CHECKING:  # a stage that only reads the catalog depends on no source
    from pipeline.data.catalog.settings import IngestParams
    from pipeline.data.sources.source import Sample, Source

SPLITS = ("train", "val", "test")

_IMAGE_TYPES = {
    "path": "str",
    "label": "str",
    "split": "str",  # as the source gives it, else missing
    "digest": "str",
    "bytes": "int64",
    "width": "int32",
    "height": "int32",
    "channels": "int8",
    "mode": "str",
}
_REJECT_COLUMNS = ("path", "label", "reason")


@dataclass(frozen=True, eq=False)
class Catalog:
    """images: path, label, split, digest, bytes, width, height, channels, mode; rejects: path, label, reason. Sorted by path.

    classes: all that the source declares.
    """

    images: pd.DataFrame
    rejects: pd.DataFrame
    classes: list[str]


def build(source: Source) -> Catalog:
    """Decode every sample once. Never raises for one image: see `check`."""
    images: list[tuple[object, ...]] = []
    rejects: list[tuple[str, str, str]] = []
    for sample in source.samples():
        try:
            images.append(_row(source, sample))
        except ImageRefused as refusal:
            rejects.append((sample.path, sample.label, refusal.what))
    frame = pd.DataFrame(images, columns=list(_IMAGE_TYPES)).astype(_IMAGE_TYPES)
    return Catalog(frame, pd.DataFrame(rejects, columns=list(_REJECT_COLUMNS), dtype="str"), source.classes())


def check(catalog: Catalog, params: IngestParams) -> None:
    """Raise everything that makes the set unusable, at once.

    NoImages, UnreadableImages, OneClass; EmptyClass and ClassTooSmall for each class concerned.
    """
    if catalog.images.empty and catalog.rejects.empty:
        raise NoImages("no images", where="ingest.path", why="the class folders are empty", remedy="put images there")
    raise_all([*_too_many_rejects(catalog, params), *_too_few_classes(catalog), *_small_classes(catalog)])


def to_files(catalog: Catalog) -> dict[str, bytes]:
    """File name → content: catalog.parquet and rejects.csv."""
    stream = io.BytesIO()
    catalog.images.to_parquet(stream, index=False)
    rejects = catalog.rejects.to_csv(index=False, lineterminator="\n")
    return {"catalog.parquet": stream.getvalue(), "rejects.csv": rejects.encode()}


def read_images(content: bytes) -> pd.DataFrame:
    """The images of catalog.parquet."""
    return pd.read_parquet(io.BytesIO(content))


def _row(source: Source, sample: Sample) -> tuple[object, ...]:
    image = source.read(sample.path)
    height, width, channels = image.pixels.shape
    digest = pixel_digest(image.pixels)
    return (sample.path, sample.label, sample.split, digest, image.encoded_bytes, width, height, channels, image.mode)


def _too_many_rejects(catalog: Catalog, params: IngestParams) -> list[ConvoyError]:
    rejected, total = len(catalog.rejects), len(catalog.rejects) + len(catalog.images)
    allowed = params.bad_image_share * total if params.on_bad_image == "skip" else 0
    if rejected <= allowed:
        return []
    reasons = ", ".join(f"{count} {reason}" for reason, count in Counter(catalog.rejects["reason"]).most_common(3))
    first = catalog.rejects["path"].iloc[0]
    if params.on_bad_image == "fail":
        remedy = "repair or remove them, or set ingest.on_bad_image: skip"
    else:
        remedy = f"repair them, or raise ingest.bad_image_share (now {params.bad_image_share:g})"
    what = f"{rejected} of {total} images cannot be read"
    return [UnreadableImages(what, where=first, why=reasons, remedy=remedy)]


def _too_few_classes(catalog: Catalog) -> list[ConvoyError]:
    if len(catalog.classes) >= 2:
        return []
    why = f"there is {len(catalog.classes)}: {', '.join(catalog.classes)}"
    return [OneClass("at least 2 classes are needed", where="ingest.path", why=why, remedy="add a folder a class")]


def _small_classes(catalog: Catalog) -> list[ConvoyError]:
    distinct = catalog.images.groupby("label")["digest"].nunique().to_dict()
    errors: list[ConvoyError] = []
    for name in catalog.classes:
        count = distinct.get(name, 0)
        if count == 0:
            rejected = int((catalog.rejects["label"] == name).sum())
            why = f"0 readable images, {rejected} unreadable"
            errors.append(EmptyClass(f"class {name!r} is empty", why=why, remedy="add images or remove the folder"))
        elif count < len(SPLITS):
            why = f"{count} distinct images for {len(SPLITS)} splits ({', '.join(SPLITS)})"
            errors.append(ClassTooSmall(f"class {name!r} is too small", why=why, remedy="add images or remove the folder"))
    return errors
