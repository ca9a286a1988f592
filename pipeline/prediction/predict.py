"""Labels for image files, in their order: decoded by several threads ahead of the network, a bounded number at a time."""

from __future__ import annotations

import itertools
import warnings
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from pipeline.data.images.decode import decode, refused
from pipeline.data.images.decoding import Decoding
from pipeline.data.workers import worker_count
from pipeline.errors import ImageRefused
from pipeline.prediction.files import files
from pipeline.prediction.model import DeviceChoice, EngineChoice, Model, load
from pipeline.training.engines import Images

_FILES_AT_A_TIME = 256  # through the network together, at most
_BYTES_AT_A_TIME = 2**27  # of decoded pixels
_FILES_EACH = 8  # that a thread decodes before it hands them over


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


def predict(
    folder: Path, images: Sequence[str | Path], engine: EngineChoice = "auto", device: DeviceChoice = "auto"
) -> Iterator[Prediction]:
    """One prediction a file, in order; folders, patterns and CSV files among `images` stand for files, see files.py.

    The sha256 of each file of the model is checked before it is loaded: raises MissingFile or DigestMismatch.
    """
    return label(load(folder, engine, device), files(images))


def label(model: Model, paths: Iterable[Path]) -> Iterator[Prediction]:
    """One prediction a path, in order; a file that is no image is refused and holds no other up."""
    for chunk in _chunks(_read_ahead(model.decoding, paths)):
        yield from labelled(model, chunk)


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


def _read_ahead(decoding: Decoding, paths: Iterable[Path]) -> Iterator[Decoded | Prediction]:
    """Decoded by as many threads as cores, a handful for each of them ahead of what was asked for."""
    silence_pillow()
    threads = worker_count("auto")
    waiting: deque[Future[list[Decoded | Prediction]]] = deque()
    with ThreadPoolExecutor(threads, "decode") as pool:
        try:
            for handful in _handfuls(paths):
                waiting.append(pool.submit(_read_all, decoding, handful))
                if len(waiting) > threads:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:  # whoever asked has gone
            pool.shutdown(wait=False, cancel_futures=True)


def _handfuls(paths: Iterable[Path]) -> Iterator[list[Path]]:
    remaining = iter(paths)
    return iter(lambda: list(itertools.islice(remaining, _FILES_EACH)), [])


def _read_all(decoding: Decoding, paths: Sequence[Path]) -> list[Decoded | Prediction]:
    return list(map(partial(_read, decoding), paths))


def _read(decoding: Decoding, path: Path) -> Decoded | Prediction:
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = refused("unreadable", str(error.strerror))
        return Prediction(str(path), reason=f"{reason.what}: {reason.why}")
    return decoded(decoding, content, str(path))


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
