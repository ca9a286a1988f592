"""Labels for image files, by a model folder that refit wrote or `convoy pull` fetched."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
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
_BYTES_AT_A_TIME = 2**27  # of decoded pixels

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


@dataclass(frozen=True, eq=False)
class _Decoded:
    """uint8 C×H×W of one file."""

    path: str
    pixels: Pixels


def predict(folder: Path, images: Sequence[Path]) -> list[Prediction]:
    """One prediction a file, in order; a folder among `images` stands for the files below it, sorted, hidden ones left out.

    The sha256 of each file of the model is checked before it is loaded: raises MissingFile or DigestMismatch.
    """
    artifacts.verify_manifest(folder)
    model = program.load(artifacts.read_bytes(folder / "program.pt2"))
    facts = artifacts.read_json(folder / "model.json")
    read = partial(_read, Decoding.model_validate(facts["recipe"]["decode"]))
    chunks = _chunks(map(read, _files(images)))
    return [prediction for chunk in chunks for prediction in _labelled(model, facts["classes"], chunk)]


def _files(images: Iterable[Path]) -> Iterator[Path]:
    for path in images:
        if not path.is_dir():
            yield path
            continue
        for file in sorted(path.rglob("*")):
            if file.is_file() and not any(junk(part) for part in file.relative_to(path).parts):
                yield file


def _chunks(files: Iterable[_Decoded | Prediction]) -> Iterator[list[_Decoded | Prediction]]:
    """In their order, so many at a time as may lie in memory together."""
    chunk: list[_Decoded | Prediction] = []
    held = 0
    for file in files:
        chunk.append(file)
        held += file.pixels.nbytes if isinstance(file, _Decoded) else 0
        if len(chunk) >= _FILES_AT_A_TIME or held >= _BYTES_AT_A_TIME:
            yield chunk
            chunk, held = [], 0
    yield chunk


def _labelled(model: Program, classes: list[str], files: Sequence[_Decoded | Prediction]) -> list[Prediction]:
    """Images of one size go through the network together; what was refused stays."""
    by_size: defaultdict[tuple[int, ...], list[_Decoded]] = defaultdict(list)
    for file in files:
        if isinstance(file, _Decoded):
            by_size[file.pixels.shape].append(file)
    found: dict[_Decoded, Prediction] = {}
    for images in by_size.values():
        with torch.inference_mode():
            rows = model(torch.from_numpy(np.stack([image.pixels for image in images]))).tolist()
        for image, row in zip(images, rows, strict=True):
            found[image] = Prediction(image.path, classes[int(np.argmax(row))], dict(zip(classes, row, strict=True)))
    return [found[file] if isinstance(file, _Decoded) else file for file in files]


def _read(decoding: Decoding, file: Path) -> _Decoded | Prediction:
    """Decoded as the train images were, or why it is refused."""
    try:
        return _Decoded(str(file), decode(_content(file), decoding).pixels.transpose(2, 0, 1))
    except ImageRefused as error:
        return Prediction(str(file), reason=f"{error.what}: {error.why}")


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise refused("unreadable", str(error.strerror)) from None
