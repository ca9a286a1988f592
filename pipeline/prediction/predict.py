"""Labels for image files, in their order: decoded ahead of the network, a bounded number at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pipeline.prediction.answer import Decoded, Prediction, labelled
from pipeline.prediction.files import files
from pipeline.prediction.model import DeviceChoice, EngineChoice, Model, load
from pipeline.prediction.read_ahead import read_ahead

_FILES_AT_A_TIME = 256  # through the network together, at most
_BYTES_AT_A_TIME = 2**27  # of decoded pixels


def predict(
    folder: Path, images: Sequence[str | Path], engine: EngineChoice = "auto", device: DeviceChoice = "auto"
) -> Iterator[Prediction]:
    """One prediction a file, in order; folders, patterns and CSV files among `images` stand for files, see files.py.

    The sha256 of each file of the model is checked before it is loaded: raises MissingFile or DigestMismatch.
    """
    return label(load(folder, engine, device), files(images))


def label(model: Model, paths: Iterable[Path]) -> Iterator[Prediction]:
    """One prediction a path, in order; a file that is no image is refused and holds no other up."""
    for chunk in _chunks(read_ahead(model.decoding, paths)):
        yield from labelled(model, chunk)


def _chunks(images: Iterable[Decoded | Prediction]) -> Iterator[list[Decoded | Prediction]]:
    """In their order, so many at a time as may lie in memory together."""
    chunk: list[Decoded | Prediction] = []
    held = 0
    for image in images:
        chunk.append(image)
        held += image.pixels.nbytes if isinstance(image, Decoded) else 0
        if len(chunk) >= _FILES_AT_A_TIME or held >= _BYTES_AT_A_TIME:
            yield chunk
            chunk, held = [], 0
    if chunk:
        yield chunk
