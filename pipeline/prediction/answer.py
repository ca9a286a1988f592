"""What a model says of images: a label and probabilities for each, or why it was refused."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pipeline.data.images.decode import decode
from pipeline.data.images.decoding import Decoding
from pipeline.errors import ImageRefused
from pipeline.prediction.model import Model
from pipeline.training.engines import Images


@dataclass(frozen=True)
class Prediction:
    """What the model says of one file: label and class → probability; or, with neither, why the file was refused."""

    path: str
    label: str | None = None
    probabilities: dict[str, float] = field(default_factory=dict)
    reason: str = ""

    def line(self) -> str:
        """For a person: file, label, its probability; or why there is none."""
        if self.label is None:
            return f"{self.path}: refused, {self.reason}"
        return f"{self.path}: {self.label} ({self.probabilities[self.label]:.3f})"

    def record(self) -> dict[str, object]:
        """As JSON."""
        return dict(vars(self))


@dataclass(frozen=True, eq=False)
class Decoded:
    """uint8 C×H×W of one file."""

    path: str
    pixels: Images


def labelled(model: Model, images: Sequence[Decoded | Prediction]) -> list[Prediction]:
    """Images of one size go through the network together; what was refused stays."""
    by_size: defaultdict[tuple[int, ...], list[Decoded]] = defaultdict(list)
    for image in images:
        if isinstance(image, Decoded):
            by_size[image.pixels.shape].append(image)
    found: dict[Decoded, Prediction] = {}
    for alike in by_size.values():
        rows = model.answer(np.stack([image.pixels for image in alike])).tolist()
        for image, row in zip(alike, rows, strict=True):
            probabilities = dict(zip(model.classes, row, strict=True))
            found[image] = Prediction(image.path, model.classes[row.index(max(row))], probabilities)
    return [found[image] if isinstance(image, Decoded) else image for image in images]


def decoded(decoding: Decoding, content: bytes, name: str) -> Decoded | Prediction:
    """Pixels as those of the train images, or why they are refused."""
    try:
        return Decoded(name, decode(content, decoding).pixels.transpose(2, 0, 1))
    except ImageRefused as error:
        return Prediction(name, reason=f"{error.what}: {error.why}")


def silence_pillow() -> None:
    """Pillow warns of what is of no interest here; before several threads decode, since each restores what it found."""
    warnings.filterwarnings("ignore", module=r"PIL\.")
