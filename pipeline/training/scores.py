"""What follows from a confusion matrix: accuracy, and precision, recall and F1 by class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Scores:
    """Shares 0–1; precision, recall, f1: one for each class, 0 where it is undefined; the macro values are their plain means."""

    accuracy: float
    precision: npt.NDArray[np.float64]
    recall: npt.NDArray[np.float64]
    f1: npt.NDArray[np.float64]
    precision_macro: float
    recall_macro: float
    f1_macro: float


def scores(confusion: npt.NDArray[np.int64]) -> Scores:
    """Of a confusion matrix (true × predicted)."""
    hits, actual, predicted = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    precision, recall, f1 = by_class(hits, actual, predicted)
    return Scores(
        accuracy=float(hits.sum() / max(1, confusion.sum())),
        precision=precision,
        recall=recall,
        f1=f1,
        precision_macro=float(precision.mean()),
        recall_macro=float(recall.mean()),
        f1_macro=float(f1.mean()),
    )


def by_class(
    hits: npt.NDArray[np.int64], actual: npt.NDArray[np.int64], predicted: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Precision, recall and F1, 0 where undefined, from counts of images by class: …×n in, …×n out."""
    return _share(hits, predicted), _share(hits, actual), _share(2 * hits, actual + predicted)


def _share(part: npt.NDArray[np.int64], whole: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)
