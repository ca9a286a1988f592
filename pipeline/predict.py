"""Labels for image files, by a model folder that refit wrote or `convoy pull` fetched."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from pipeline import artifacts
from pipeline.data.images.decode import decode, refused
from pipeline.data.images.decoding import Decoding
from pipeline.data.junk import junk
from pipeline.errors import ImageRefused
from pipeline.training import program
from pipeline.training.program import Program

_FILES_AT_A_TIME = 256

Pixels = npt.NDArray[np.uint8]


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
        return {**vars(self), "path": str(self.path)}


def predict(folder: Path, images: Sequence[Path]) -> list[Prediction]:
    """One prediction a file, in order; a folder among `images` stands for the files below it, sorted, hidden ones left out.

    The sha256 of each file of the model is checked before it is loaded: raises MissingFile or DigestMismatch.
    """
    artifacts.verify_manifest(folder)
    model = program.load(artifacts.read_bytes(folder / "program.pt2"))
    facts = artifacts.read_json(folder / "model.json")
    read = partial(_read, Decoding.model_validate(facts["recipe"]["decode"]))
    chunks = _chunks(_files(images))
    return [prediction for files in chunks for prediction in _predict_some(model, facts["classes"], files, read)]


def _files(images: Iterable[Path]) -> Iterator[Path]:
    for path in images:
        if not path.is_dir():
            yield path
            continue
        for file in sorted(path.rglob("*")):
            if file.is_file() and not any(junk(part) for part in file.relative_to(path).parts):
                yield file


def _chunks(files: Iterator[Path]) -> Iterator[list[Path]]:
    while chunk := list(islice(files, _FILES_AT_A_TIME)):
        yield chunk


def _predict_some(model: Program, classes: list[str], files: list[Path], read: Callable[[Path], Pixels]) -> list[Prediction]:
    """Images of one size go through the network together."""
    found: dict[int, Prediction] = {}
    by_size: defaultdict[tuple[int, ...], dict[int, Pixels]] = defaultdict(dict)
    for index, file in enumerate(files):
        try:
            pixels = read(file)
            by_size[pixels.shape][index] = pixels
        except ImageRefused as error:
            found[index] = Prediction(str(file), reason=f"{error.what}: {error.why}")
    for images in by_size.values():
        with torch.inference_mode():
            rows = model(torch.from_numpy(np.stack(list(images.values())))).tolist()
        for index, row in zip(images, rows, strict=True):
            found[index] = Prediction(str(files[index]), classes[int(np.argmax(row))], dict(zip(classes, row, strict=True)))
    return [found[index] for index in range(len(files))]


def _read(decoding: Decoding, file: Path) -> Pixels:
    """uint8 C×H×W, decoded as the train images were."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise refused("unreadable", str(error.strerror)) from None
    return decode(content, decoding).pixels.transpose(2, 0, 1)
