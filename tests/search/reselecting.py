"""Reruns and what their networks said, made up: each candidate is right with a probability that the test knows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.outcomes import Outcomes
from pipeline.search.choice import Contender
from pipeline.study.records import StudySnapshot, TrialRecord
from tests.search.driving import STUDY, epoch

CLASSES = 5


def labels(count: int) -> npt.NDArray[np.int64]:
    """Of so many val images, as many of each class."""
    return np.arange(count) % CLASSES


def said(right: npt.NDArray[np.bool_]) -> Outcomes:
    """The outcomes of a network that is right on these images, with a loss to match."""
    actual = labels(len(right))
    losses = np.where(right, 0.1, 2.0).astype(np.float32)
    return Outcomes(actual, np.where(right, actual, (actual + 1) % CLASSES), losses)


def trial(number: int, value: float | None) -> TrialRecord:
    """A completed trial of this value in the search; without one it was pruned."""
    state = "pruned" if value is None else "completed"
    epochs = (epoch(1, value or 0.0),)
    return TrialRecord(
        f"{STUDY[:8]}-{number:04d}", number, state, {"train.epochs": 1}, number, value, "", 0.0, 9.0, epochs, (1.0,)
    )


def contender(number: int, *outcomes: Outcomes, search_value: float = 0.9, parameters: int = 100) -> Contender:
    """With what its networks said, one a seed."""
    return Contender(trial(number, search_value), parameters, outcomes)


def snapshot(*trials: TrialRecord, metric: str = "val_accuracy") -> StudySnapshot:
    """A study of these trials that is finished."""
    return StudySnapshot(STUDY, 0.0, metric, {}, {}, trials, True)
