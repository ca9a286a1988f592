"""Small real sets, made of a random part of a source, for benchmarks that train networks on images of one size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from pipeline.data.images.decoding import Decoding
from pipeline.data.preparation.packed import Packed
from pipeline.data.preparation.prepare import Prepare
from pipeline.data.preparation.recipe import Recipe
from pipeline.data.preparation.statistics import channel_statistics, level_counts
from pipeline.data.preparation.steps import Resize
from pipeline.data.sources import open_source
from pipeline.data.sources.source import Kind, Sample, Source


@dataclass(frozen=True)
class Wanted:
    """A set as a benchmark asks for it: `pixels` a side, and at most so many images to train on and to test on."""

    name: str
    source: str
    path: str
    kind: Kind
    pixels: int
    train: int
    test: int


@dataclass(frozen=True, eq=False)
class SmallSet:
    """Images to train on and others to test on, prepared alike."""

    train: Packed
    test: Packed
    recipe: Recipe


def read(wanted: Wanted) -> SmallSet:
    """Train images from the given train part and test images from the given test part, where there are such parts.

    Else a fifth is test, by chance. The same call gives the same images. Near-duplicates are not looked for.
    """
    source = open_source(wanted.source, wanted.path)
    train, test = _parts(source.samples())
    resize = Resize(fit="crop")
    channels = max(source.read(sample.path).pixels.shape[2] for sample in train[:20])
    prepare = Prepare(channels, wanted.pixels, [resize])
    packed = [_packed(source, part, prepare) for part in (train[: wanted.train], test[: wanted.test])]
    mean, std = channel_statistics(level_counts(packed[0].images[:]))
    recipe = Recipe(
        source=wanted.name,
        kind=wanted.kind,
        classes=tuple(source.classes()),
        decode=Decoding(),
        channels=1 if channels == 1 else 3,
        image_size=wanted.pixels,
        steps=(resize,),
        mean=mean,
        std=std,
        class_weights=None,
        counts={},
        digests={},
    )
    return SmallSet(packed[0], packed[1], recipe)


def folder(data: Path, name: str) -> str:
    """Where a set lies in the folder of sets; ends this program when it is not there."""
    if not (data / name).is_dir():
        raise SystemExit(f"{data / name} is not there: unpack {name} into {data}")
    return str(data / name)


def _parts(samples: Sequence[Sample]) -> tuple[list[Sample], list[Sample]]:
    mixed = [samples[row] for row in np.random.default_rng(0).permutation(len(samples))]
    test = [sample for sample in mixed if sample.split == "test"]
    if test:
        return [sample for sample in mixed if sample.split == "train"], test
    return mixed[len(mixed) // 5 :], mixed[: len(mixed) // 5]


def _packed(source: Source, samples: Sequence[Sample], prepare: Prepare) -> Packed:
    labels = {name: label for label, name in enumerate(source.classes())}
    pixels = (np.array(source.read(sample.path).pixels) for sample in samples)  # torch warns of arrays it must not write
    images = [prepare(torch.from_numpy(each).permute(2, 0, 1).unsqueeze(0)) for each in pixels]
    rows = np.array([labels[sample.label] for sample in samples], np.int64)
    return Packed(torch.cat(images).numpy(), rows, [sample.path for sample in samples])
