"""What a network said of each of some labelled images: enough to score it, and to score it again on images drawn anew."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from pipeline.training.scores import scores

SCORES = ("accuracy", "precision_macro", "recall_macro", "f1_macro", "loss")
_SMALLEST_PROBABILITY = float(np.finfo(np.float32).tiny)  # so that the loss of a hopeless miss stays finite


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Row by row: the actual and the predicted class, int64 N; losses: float32 N, −log of the probability of the actual class."""

    actual: npt.NDArray[np.int64]
    predicted: npt.NDArray[np.int64]
    losses: npt.NDArray[np.float32]

    @classmethod
    def of(cls, labels: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float32]) -> Outcomes:
        """Of probabilities N×n."""
        of_actual = probabilities[np.arange(len(labels)), labels].astype(np.float64)
        losses = -np.log(of_actual.clip(_SMALLEST_PROBABILITY))
        return cls(labels, probabilities.argmax(1), losses.astype(np.float32))

    @classmethod
    def from_bytes(cls, content: bytes) -> Outcomes:
        """What to_bytes wrote."""
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return cls(arrays["actual"].astype(np.int64), arrays["predicted"].astype(np.int64), arrays["losses"])

    def to_bytes(self) -> bytes:
        """As NumPy stores several arrays, compressed; classes take two bytes."""
        stream = io.BytesIO()
        actual, predicted = self.actual.astype(np.uint16), self.predicted.astype(np.uint16)
        np.savez_compressed(stream, actual=actual, predicted=predicted, losses=self.losses)
        return stream.getvalue()

    def __len__(self) -> int:
        return len(self.actual)

    def score(self, name: str, classes: int) -> float:
        """One of SCORES, of labels below `classes`."""
        if name == "loss":
            return float(self.losses.mean(dtype=np.float64))
        confusion = np.zeros((classes, classes), np.int64)
        np.add.at(confusion, (self.actual, self.predicted), 1)
        return float(getattr(scores(confusion), name))


def join(parts: Sequence[Outcomes]) -> Outcomes:
    """All rows of the parts, in order."""
    return Outcomes(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Outcomes)))
