"""A lighter form of a model folder: the weights of its dense layers as whole numbers of 8 bits, and what that costs, measured.

Convolutions stay as they are: onnxruntime's for whole numbers took six times as long on a CPU as those it replaces.
"""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline import artifacts
from pipeline.errors import MissingFile, WrongValue
from pipeline.outcomes import Outcomes
from pipeline.paired import compare
from pipeline.prediction.int8 import COST, MODEL
from pipeline.prediction.labelled import Labelled
from pipeline.timing import median_ms
from pipeline.training.engines import FILES, Answer, Images, onnx_answers

_CONFIDENCE = 0.95
_AT_A_TIME = 64  # images
_HARDLY = 0.9  # of the size, from which on it is said
_DENSE = ["MatMul", "Gemm"]  # as ONNX calls dense layers


@dataclass(frozen=True)
class Cost:
    """int8 against the registered ONNX model, on the same `images`, which are of `measured_on`.

    difference: of the accuracies, int8 less the other, with its bootstrap interval; changed: images that get another label;
    milliseconds of one image on this machine's `cpus`. of, int8: sha256 of the two models.
    """

    measured_on: str
    images: int
    accuracy: float
    accuracy_int8: float
    difference: float
    low: float
    high: float
    changed: int
    bytes: int
    bytes_int8: int
    milliseconds: float
    milliseconds_int8: float
    cpus: int
    onnxruntime: str
    of: str
    int8: str

    def line(self) -> str:
        """For a person."""
        interval = f"{self.difference:+.4f}, {_CONFIDENCE:.0%} interval {self.low:+.4f} to {self.high:+.4f}"
        accuracy = f"accuracy {self.accuracy:.4f} → {self.accuracy_int8:.4f} ({interval}; {self.changed} labels differ)"
        size = f"{self.bytes / 1e6:.2f} → {self.bytes_int8 / 1e6:.2f} MB"
        speed = f"{self.milliseconds:.2f} → {self.milliseconds_int8:.2f} ms an image"
        hint = ", hardly lighter since most weights are in convolutions" if self.bytes_int8 > _HARDLY * self.bytes else ""
        return f"int8: {size}{hint}, {speed}, {accuracy} on {self.images} images of {self.measured_on}"


def lighten(folder: Path, labelled: Labelled) -> Cost:
    """Write the lighter form and its cost into a model folder that was checked before; raises what `_measured` raises."""
    heavy = artifacts.read_bytes(folder / FILES["onnx"])
    light = _to_int8(heavy)
    answers = {form: onnx_answers(content) for form, content in (("heavy", heavy), ("light", light))}
    classes = [str(name) for name in artifacts.read_json(folder / "labels.json")]
    measured, times = _measured(answers, labelled, classes)
    paired = compare(measured["light"], measured["heavy"], len(classes), _CONFIDENCE)
    cost = Cost(
        measured_on=labelled.what,
        images=paired.n,
        accuracy=paired.second,
        accuracy_int8=paired.first,
        difference=paired.difference,
        low=paired.low,
        high=paired.high,
        changed=int((measured["light"].predicted != measured["heavy"].predicted).sum()),
        bytes=len(heavy),
        bytes_int8=len(light),
        milliseconds=times["heavy"],
        milliseconds_int8=times["light"],
        cpus=len(os.sched_getaffinity(0)),
        onnxruntime=_version(),
        of=artifacts.sha256(heavy),
        int8=artifacts.sha256(light),
    )
    artifacts.write_bytes(folder / MODEL, light)
    artifacts.write_json(folder / COST, asdict(cost))
    return cost


def _measured(answers: dict[str, Answer], labelled: Labelled, classes: list[str]) -> tuple[dict[str, Outcomes], dict[str, float]]:
    """What each form said of each image, and its milliseconds for one of them; raises WrongValue for a class it does not know."""
    number = {name: index for index, name in enumerate(classes)}
    actual: list[int] = []
    said: dict[str, list[npt.NDArray[np.float32]]] = {form: [] for form in answers}
    for pixels, labels in _batches(labelled.images):
        if strange := set(labels) - number.keys():
            remedy = f"give images of {', '.join(classes)}"
            raise WrongValue(min(strange), where=labelled.what, why="the model knows no such class", remedy=remedy)
        actual += [number[label] for label in labels]
        for form, answer in answers.items():
            said[form].append(answer(pixels))
    if not actual:
        raise MissingFile("labelled images", where=labelled.what, why="there are none", remedy="give a folder of class folders")
    outcomes = {form: Outcomes.of(np.array(actual, dtype=np.int64), np.concatenate(rows)) for form, rows in said.items()}
    return outcomes, {form: _time(answer, pixels[:1]) for form, answer in answers.items()}


def _batches(images: Iterator[tuple[Images, str]]) -> Iterator[tuple[Images, list[str]]]:
    """Images of one size that follow each other, N×C×H×W, some at a time."""
    for _, alike in groupby(images, key=lambda one: one[0].shape):
        while several := list(islice(alike, _AT_A_TIME)):
            yield np.stack([pixels for pixels, _ in several]), [label for _, label in several]


def _time(answer: Answer, image: npt.NDArray[np.uint8]) -> float:
    return median_ms(lambda: answer(image))


def _to_int8(model: bytes) -> bytes:
    """Dynamic quantization: weights are stored as int8, what comes into a layer is rounded as it arrives."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as temporary, _quiet():
        file = Path(temporary) / MODEL
        quantize_dynamic(onnx.load_model_from_string(model), file, _DENSE, weight_type=QuantType.QInt8, per_channel=True)
        return artifacts.read_bytes(file)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without what onnxruntime says of the products in the resize, which have no stored weights and stay as they are."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _version() -> Any:
    import onnxruntime

    return onnxruntime.__version__
