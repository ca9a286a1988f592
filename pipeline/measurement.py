"""A network measured on the test split: metrics with their intervals, and a table for each view of the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from scipy.stats import binomtest

from pipeline import bootstrap, calibration
from pipeline.data.preparation.packed import Packed
from pipeline.data.progress import shown
from pipeline.outcomes import SCORES, Outcomes
from pipeline.training.program import Program
from pipeline.training.scores import scores

_SEED = 0  # of the images drawn for the intervals: the same predictions give the same intervals


@dataclass(frozen=True, eq=False)
class Measurement:
    """classes: names, the index is the label; probabilities: float32 N×n; confusion: int64 n×n, actual × predicted."""

    classes: Sequence[str]
    test: Packed
    probabilities: npt.NDArray[np.float32]
    confusion: npt.NDArray[np.int64]

    @property
    def outcomes(self) -> Outcomes:
        """What was said of each image."""
        return Outcomes.of(self.test.labels, self.probabilities)

    def metrics(self, confidence: float) -> dict[str, float]:
        """test_… by name, each with …_low and …_high, `n`, and test_calibration_error, the expected one, as it is.

        The interval around the accuracy is Wilson's score interval (1927), which keeps its width where nearly all images are
        right; those of the others, and test_accuracy_bootstrap_…, are percentiles of the bootstrap.
        """
        outcomes, classes = self.outcomes, len(self.classes)
        found = {"confidence": confidence, "n": len(self.test)}
        found["test_calibration_error"] = calibration.expected_error(calibration.bins(self.probabilities, self.test.labels))
        for name, values in bootstrap.resample([outcomes], SCORES, classes, _SEED).items():
            found[f"test_{name}"] = outcomes.score(name, classes)
            kind = "_bootstrap" if name == "accuracy" else ""
            found |= _ends(f"test_{name}{kind}", *bootstrap.interval(values, confidence))
        wilson = binomtest(int(self.confusion.trace()), len(self.test)).proportion_ci(confidence, method="wilson")
        return found | _ends("test_accuracy", float(wilson.low), float(wilson.high))

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

    def predictions_csv(self) -> bytes:
        """The same as a file; nine digits bring back every float32."""
        return self.predictions().to_csv(index=False, float_format="%.9g", lineterminator="\n").encode()

    def confusion_table(self) -> pd.DataFrame:
        """actual, and the count predicted as each class."""
        table = pd.DataFrame(self.confusion, columns=list(self.classes))
        table.insert(0, "actual", list(self.classes), allow_duplicates=True)
        return table


def measure(program: Program, classes: Sequence[str], test: Packed, batch_size: int) -> Measurement:
    """Run the program on all of `test`, `batch_size` images at a time."""
    starts = range(0, len(test), batch_size)
    batches = (torch.from_numpy(test.images[start : start + batch_size].copy()) for start in starts)
    with torch.inference_mode():
        parts = [program(batch) for batch in shown(batches, len(test), "test images", count=len)]
    probabilities = torch.cat(parts).numpy()
    confusion = np.zeros((len(classes), len(classes)), dtype=np.int64)
    np.add.at(confusion, (test.labels, probabilities.argmax(1)), 1)
    return Measurement(classes, test, probabilities, confusion)


def _ends(name: str, low: float, high: float) -> dict[str, float]:
    return {f"{name}_low": low, f"{name}_high": high}
