"""How sure a score is: the same score of images drawn again with replacement (Efron 1979, Annals of Statistics 7, 1–26).

Of each class as many images are drawn as there are, because the splits are stratified by class; so no class is ever missing.
Images count as independent of each other: groups and near-duplicates, which the splits keep together, make a score less sure
than this says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pipeline.outcomes import Outcomes
from pipeline.training.scores import by_class

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

TIMES = 2000  # draws; percentiles want 1,000 and more (Efron and Tibshirani 1993, chapter 13)
_NUMBERS_AT_ONCE = 2**21  # of how often each image was drawn
_BY_CLASS = ("precision_macro", "recall_macro", "f1_macro")


def resample(several: Sequence[Outcomes], names: Sequence[str], classes: int, seed: int) -> dict[str, npt.NDArray[np.float64]]:
    """Name → its value in each draw, TIMES×len(several); one draw of images serves all, which are of the same images in order."""
    assert all(np.array_equal(one.actual, several[0].actual) for one in several), "outcomes of different images"
    order = np.argsort(several[0].actual, kind="stable")
    rows = [Outcomes(one.actual[order], one.predicted[order], one.losses[order]) for one in several]
    parts = [_scores(drawn, rows, names, classes) for drawn in _draws(rows[0].actual, seed)]
    return {name: np.concatenate([part[name] for part in parts]) for name in names}


def interval(values: npt.NDArray[np.float64], confidence: float) -> tuple[float, float]:
    """The percentile interval of resampled values (Efron and Tibshirani 1993, chapter 13)."""
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _draws(actual: npt.NDArray[np.int64], seed: int) -> Iterator[npt.NDArray[np.int64]]:
    """How often each image was drawn, some draws × N at a time; `actual` is sorted."""
    chance, count = np.random.default_rng(seed), len(actual)
    first, behind = np.searchsorted(actual, actual, side="left"), np.searchsorted(actual, actual, side="right")
    at_once = max(1, _NUMBERS_AT_ONCE // count)
    for start in range(0, TIMES, at_once):
        times = min(at_once, TIMES - start)
        drawn = chance.integers(first, behind, size=(times, count))
        places = drawn + count * np.arange(times)[:, None]
        yield np.bincount(places.ravel(), minlength=times * count).reshape(times, count)


def _scores(
    drawn: npt.NDArray[np.int64], several: Sequence[Outcomes], names: Sequence[str], classes: int
) -> dict[str, npt.NDArray[np.float64]]:
    """Name → draws × len(several)."""
    columns = [_of_one(drawn, one, names, classes) for one in several]
    return {name: np.stack([column[name] for column in columns], axis=1) for name in names}


def _of_one(
    drawn: npt.NDArray[np.int64], one: Outcomes, names: Sequence[str], classes: int
) -> dict[str, npt.NDArray[np.float64]]:
    hit, count = one.predicted == one.actual, len(one)
    found: dict[str, npt.NDArray[np.float64]] = {}
    if "accuracy" in names:
        found["accuracy"] = drawn @ hit.astype(np.float64) / count
    if "loss" in names:
        found["loss"] = drawn @ one.losses.astype(np.float64) / count
    if wanted := [name for name in _BY_CLASS if name in names]:
        hits = drawn @ _indicator(one.actual, hit, classes)
        predicted = drawn @ _indicator(one.predicted, np.ones_like(hit), classes)
        actual = np.broadcast_to(np.bincount(one.actual, minlength=classes), hits.shape)
        macro = (share.mean(axis=1) for share in by_class(hits, actual, predicted))
        found |= {name: values for name, values in zip(_BY_CLASS, macro, strict=True) if name in wanted}
    return found


def _indicator(labels: npt.NDArray[np.int64], counted: npt.NDArray[np.bool_], classes: int) -> csr_matrix:
    """N×classes: 1 at the label of each row that counts."""
    from scipy.sparse import csr_matrix  # a search would wait for it before it begins

    return csr_matrix((counted.astype(np.int64), (np.arange(len(labels)), labels)), shape=(len(labels), classes))
