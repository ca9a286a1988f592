"""Two networks on the same images, image by image: how much better one is, and whether that can be chance."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from pipeline import bootstrap
from pipeline.outcomes import Outcomes

_SEED = 0  # of the images drawn for the interval: the same predictions give the same interval


@dataclass(frozen=True)
class Paired:
    """`n` images; accuracies of the two; `difference` is the first's minus the second's, with its bootstrap interval.

    only_first, only_second: images that this one alone has right. p_value: of McNemar's exact test, how often two networks
    that are equally good would disagree at least this unevenly (McNemar 1947, Psychometrika 12, 153–157).
    """

    n: int
    first: float
    second: float
    difference: float
    low: float
    high: float
    confidence: float
    only_first: int
    only_second: int
    p_value: float


def compare(first: Outcomes, second: Outcomes, classes: int, confidence: float) -> Paired:
    """Of the same images in the same order; labels are below `classes`."""
    drawn = bootstrap.resample([first, second], ["accuracy"], classes, _SEED)["accuracy"]
    low, high = bootstrap.interval(drawn[:, 0] - drawn[:, 1], confidence)
    of_first, of_second = (one.predicted == one.actual for one in (first, second))
    only_first, only_second = int((of_first & ~of_second).sum()), int((of_second & ~of_first).sum())
    disagreeing = only_first + only_second
    p_value = float(binomtest(only_first, disagreeing, 0.5).pvalue) if disagreeing else 1.0
    difference = (only_first - only_second) / len(first)
    accuracies = float(of_first.mean()), float(of_second.mean())
    return Paired(len(first), *accuracies, difference, low, high, confidence, only_first, only_second, p_value)


def read_predictions(content: bytes) -> pd.DataFrame:
    """predictions.csv of evaluate, sorted by image digest, which is the index; class names stay text, also one called NA."""
    text = {"digest": str, "actual": str, "predicted": str}
    table = pd.read_csv(io.BytesIO(content), dtype=text, keep_default_na=False)
    return table.set_index("digest").sort_index()


def images_digest(predictions: pd.DataFrame) -> str:
    """sha256 of which images were predicted and what each is, however they were prepared."""
    lines = (f"{digest}\t{label}\n" for digest, label in predictions["actual"].items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def outcomes(predictions: pd.DataFrame, classes: Sequence[str]) -> Outcomes:
    """In the order of the table; the label of a class is its place among `classes`."""
    label = {name: index for index, name in enumerate(classes)}
    actual = np.array([label[name] for name in predictions["actual"]], dtype=np.int64)
    probabilities = predictions[[f"p_{name}" for name in classes]].to_numpy(np.float32)
    return Outcomes.of(actual, probabilities)
