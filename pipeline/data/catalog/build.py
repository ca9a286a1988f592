"""From a source to its catalog: every sample is looked at once, in as many processes as there may be."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from pipeline.data.catalog.look import look
from pipeline.data.catalog.seen import Looks
from pipeline.data.catalog.table import Catalog, frame_of_images, frame_of_rejects
from pipeline.data.progress import shown
from pipeline.data.sources.source import Sample, Source
from pipeline.data.workers import Crashed, mapped


def build(source: Source) -> Catalog:
    """The catalog of a small source, made in this process. Never raises for one image: see `settle`."""
    samples = source.samples()
    looks = Looks([sample.path for sample in samples])
    look_at(looks, range(len(samples)), lambda: source, 1)
    return catalog(samples, looks, source.classes())


def in_memory(source: Source, samples: Sequence[Sample]) -> bool:
    """Whether reading is as cheap as asking, so that nothing is gained by remembering, or by more processes that hold it all."""
    return not any(source.stamp(sample.path) for sample in samples)


def look_at(looks: Looks, rows: Sequence[int], reopen: Callable[[], Source], workers: int) -> None:
    """Fill in the `rows` of `looks`, in processes that open the source with `reopen`."""
    found = mapped(look, reopen, [looks.paths[row] for row in rows], workers)
    for row, result in zip(rows, shown(found, len(rows), "ingest"), strict=True):
        if isinstance(result, Crashed):
            looks.put(row, None, f"decoder {result.reason}")
        else:
            looks.put(row, *result)


def catalog(samples: Sequence[Sample], looks: Looks, classes: list[str]) -> Catalog:
    """The catalog of samples that were all looked at."""
    pairs = list(zip(samples, looks.found, strict=True))
    images = [(each.path, each.label, each.split, each.group, *found) for each, found in pairs if isinstance(found, tuple)]
    rejects = [(each.path, each.label, found) for each, found in pairs if isinstance(found, str)]
    usable = np.array([isinstance(found, tuple) for _, found in pairs], dtype=bool)
    thumbnails = looks.thumbnails if usable.all() else looks.thumbnails[usable]
    return Catalog(frame_of_images(images), thumbnails, frame_of_rejects(rejects), classes)
