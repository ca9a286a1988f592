"""A network measured on the test split: metrics with an interval, and a table for each view of the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from scipy.stats import binomtest

from pipeline.data.preparation.packed import Packed
from pipeline.training.evaluation import scores
from pipeline.training.program import Program

_SMALLEST_PROBABILITY = float(np.finfo(np.float32).tiny)  # so that the loss of a hopeless miss stays finite


@dataclass(frozen=True, eq=False)
class Measurement:
    """classes: names, the index is the label; probabilities: float32 N×n; confusion: int64 n×n, actual × predicted."""

    classes: Sequence[str]
    test: Packed
    probabilities: npt.NDArray[np.float32]
    confusion: npt.NDArray[np.int64]

    def metrics(self, confidence: float) -> dict[str, float]:
        """test_… by name and `n`; the interval around the accuracy is Wilson's score interval (1927)."""
        score, n = scores(self.confusion), len(self.test)
        interval = binomtest(int(self.confusion.trace()), n).proportion_ci(confidence, method="wilson")
        return {
            "confidence": confidence,
            "n": n,
            "test_accuracy": score.accuracy,
            "test_accuracy_high": float(interval.high),
            "test_accuracy_low": float(interval.low),
            "test_f1_macro": score.f1_macro,
            "test_loss": self._loss(),
            "test_precision_macro": score.precision_macro,
            "test_recall_macro": score.recall_macro,
        }

    def per_class(self) -> pd.DataFrame:
        """class, n, precision, recall, f1."""
        score, counts = scores(self.confusion), self.confusion.sum(1)
        columns = {"class": self.classes, "n": counts, "precision": score.precision, "recall": score.recall, "f1": score.f1}
        return pd.DataFrame(columns)

    def predictions(self) -> pd.DataFrame:
        """digest, actual, predicted, and p_<class> for each class; one row an image."""
        names = np.array(self.classes, dtype=object)
        sample = {
            "digest": self.test.digests,
            "actual": names[self.test.labels],
            "predicted": names[self.probabilities.argmax(1)],
        }
        return pd.DataFrame(sample | {f"p_{name}": self.probabilities[:, index] for index, name in enumerate(self.classes)})

    def confusion_table(self) -> pd.DataFrame:
        """actual, and the count predicted as each class."""
        table = pd.DataFrame(self.confusion, columns=list(self.classes))
        table.insert(0, "actual", list(self.classes), allow_duplicates=True)
        return table

    def _loss(self) -> float:
        """Mean cross-entropy."""
        of_actual = self.probabilities[np.arange(len(self.test)), self.test.labels].astype(np.float64)
        return float(-np.log(of_actual.clip(_SMALLEST_PROBABILITY)).mean())


def measure(program: Program, classes: Sequence[str], test: Packed, batch_size: int) -> Measurement:
    """Run the program on all of `test`, `batch_size` images at a time."""
    starts = range(0, len(test), batch_size)
    with torch.inference_mode():
        parts = [program(torch.from_numpy(test.images[start : start + batch_size].copy())) for start in starts]
    probabilities = torch.cat(parts).numpy()
    confusion = np.zeros((len(classes), len(classes)), dtype=np.int64)
    np.add.at(confusion, (test.labels, probabilities.argmax(1)), 1)
    return Measurement(classes, test, probabilities, confusion)
