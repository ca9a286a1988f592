"""What a report shows of the test split: classes, confusions, calibration, the surest mistakes, where the model looked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

from pipeline import calibration
from pipeline.measurement import Measurement
from pipeline.report import score_charts
from pipeline.report.thumbnails import data_uri

_MOST_CLASSES = 20  # of which the whole confusion matrix is a table
_MOST_LISTED = 40  # classes; of more the worst are
_MOST_CONFUSED = 8  # pairs
_MOST_MISTAKES = 12
_LOOKED_AT = 8  # images of which it is shown where the model looked


@dataclass(frozen=True, eq=False)
class Looked:
    """One image with what its pixels said for the predicted class, drawn over it: uint8 S×S×3."""

    row: int
    overlay: npt.NDArray[np.uint8]


def judged(measured: Measurement, names: Mapping[str, str], looked: Sequence[Looked], confidence: float) -> dict[str, Any]:
    """Values and charts; names: digest → file."""
    found = calibration.bins(measured.probabilities, measured.test.labels)
    two = len(measured.classes) == 2
    classes = _classes(measured, confidence)
    return {
        "classes": classes,
        "listed": classes if len(classes) <= _MOST_LISTED else sorted(classes, key=lambda one: one["share"])[:_MOST_LISTED],
        "confusion": _confusion(measured) if len(measured.classes) <= _MOST_CLASSES else None,
        "confused": _confused(measured),
        "reliability": score_charts.reliability(found, confidence),
        "confidences": score_charts.confidences(found),
        "calibration_error": f"{calibration.expected_error(found):.4f}",
        "mean_confidence": f"{measured.probabilities.max(1).mean():.4f}",
        "binary": _binary(measured) if two else [],
        "wrong": len(_wrong(measured)),
        "mistakes": [_image(measured, row, names) for row in mistakes(measured)],
        "looked": [{**_image(measured, one.row, names), "overlay": data_uri(one.overlay)} for one in looked],
    }


def mistakes(measured: Measurement) -> list[int]:
    """The rows predicted wrongly, those first of which the model was surest."""
    wrong = _wrong(measured)
    sure = measured.probabilities.max(1)[wrong]
    return [int(row) for row in wrong[np.argsort(-sure, kind="stable")][:_MOST_MISTAKES]]


def to_look_at(measured: Measurement) -> list[int]:
    """Rows to show where the model looked: the surest mistakes, and the surest right answer of each class in turn."""
    wrong = mistakes(measured)[: _LOOKED_AT // 2]
    right = [row for label in range(len(measured.classes)) if (row := _surest(measured, label)) is not None]
    return right[: _LOOKED_AT - len(wrong)] + wrong


def walked(measured: Measurement, row: int, names: Mapping[str, str]) -> dict[str, Any]:
    """What the page that explains the network says of an image, as JSON."""
    shown = _image(measured, row, names)
    kept = {name: shown[name] for name in ("picture", "file", "actual", "predicted")}
    return {**kept, "probabilities": [round(float(p), 5) for p in measured.probabilities[row]]}


def picture(measured: Measurement, row: int) -> npt.NDArray[np.uint8]:
    """uint8 S×S×3, as the network reads it."""
    image = measured.test.images[row : row + 1][0].transpose(1, 2, 0)
    return np.ascontiguousarray(np.broadcast_to(image, (*image.shape[:2], 3)))


def _wrong(measured: Measurement) -> npt.NDArray[np.int64]:
    return np.flatnonzero(measured.probabilities.argmax(1) != measured.test.labels)


def _surest(measured: Measurement, label: int) -> int | None:
    right = np.flatnonzero((measured.test.labels == label) & (measured.probabilities.argmax(1) == label))
    return int(right[measured.probabilities[right, label].argmax()]) if len(right) else None


def _classes(measured: Measurement, confidence: float) -> list[dict[str, Any]]:
    rows = []
    for index, (name, count, precision, recall, f1) in enumerate(measured.per_class().itertuples(index=False)):
        hits = int(measured.confusion[index, index])
        ends = binomtest(hits, int(count)).proportion_ci(confidence, method="wilson") if count else None
        rows.append(
            {
                "name": name,
                "n": f"{count:,}",
                "precision": f"{precision:.4f}",
                "recall": f"{recall:.4f}",
                "range": f"{ends.low:.4f}–{ends.high:.4f}" if ends else "",
                "f1": f"{f1:.4f}",
                "share": round(100 * float(f1), 1),
            }
        )
    return rows


def _confusion(measured: Measurement) -> list[list[dict[str, Any]]]:
    """Actual × predicted: count, share of the actual class, whether it is right."""
    share = measured.confusion / np.maximum(1, measured.confusion.sum(1, keepdims=True))
    return [
        [
            {"count": int(count), "share": round(float(share[row, column]), 3), "right": row == column}
            for column, count in enumerate(counts)
        ]
        for row, counts in enumerate(measured.confusion)
    ]


def _confused(measured: Measurement) -> list[dict[str, Any]]:
    wrong = measured.confusion.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:_MOST_CONFUSED]
    pairs = [np.unravel_index(place, wrong.shape) for place in order if wrong.flat[place]]
    return [
        {
            "actual": measured.classes[actual],
            "predicted": measured.classes[predicted],
            "count": int(wrong[actual, predicted]),
            "of": int(measured.confusion[actual].sum()),
        }
        for actual, predicted in pairs
    ]


def _binary(measured: Measurement) -> list[dict[str, Any]]:
    labels = measured.test.labels
    if len(np.unique(labels)) < 2:
        return []
    drawn = score_charts.binary(labels, measured.probabilities[:, 1], measured.classes[1])
    return [{"chart": chart, "text": text} for chart, text in drawn]


def _image(measured: Measurement, row: int, names: Mapping[str, str]) -> dict[str, Any]:
    said, actual = int(measured.probabilities[row].argmax()), int(measured.test.labels[row])
    digest = measured.test.digests[row]
    return {
        "picture": data_uri(picture(measured, row)),
        "file": names.get(digest, digest),
        "actual": measured.classes[actual],
        "predicted": measured.classes[said],
        "right": said == actual,
        "p": f"{measured.probabilities[row, said]:.1%}",
        "p_actual": f"{measured.probabilities[row, actual]:.1%}",
    }
