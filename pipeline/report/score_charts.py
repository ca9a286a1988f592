"""What the test split says of the model's probabilities, as charts of a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from markupsafe import Markup
from scipy.stats import binomtest

from pipeline.calibration import Bin
from pipeline.report import svg
from pipeline.report.svg import chart


class Score(NamedTuple):
    """One of the scores that are set beside each other; the interval where there is one."""

    what: str
    value: float
    low: float | None = None
    high: float | None = None


def three_scores(found: Sequence[Score], name: str) -> Markup:
    """The scores below each other on one scale, with their intervals."""
    with chart(f"{name}: what the search said, new seeds and the sealed test", width=340, height=46 + 36 * len(found)) as drawn:
        axes = drawn.axes
        for row, score in enumerate(found):
            color = svg.SECOND if row == len(found) - 1 else svg.FIRST
            if score.low is not None and score.high is not None:
                axes.plot([score.low, score.high], [row, row], color=color, linewidth=3, alpha=0.45, solid_capstyle="round")
            axes.plot([score.value], [row], "o", color=color, markersize=8)
            place = (score.value, row)
            axes.annotate(f"{score.value:.4f}", place, xytext=(0, 8), textcoords="offset points", ha="center", fontsize=10)
        axes.set_yticks(range(len(found)), [score.what for score in found])
        axes.tick_params(axis="y", length=0, labelcolor=svg.INK)
        axes.set(ylim=(len(found) - 0.6, -0.8), xlabel=name.replace("_", " "))
        axes.margins(x=0.12)
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)
    return drawn.markup


def reliability(found: Sequence[Bin], confidence: float) -> Markup:
    """The share that is right over how sure the model was, with Wilson's intervals; on the diagonal it keeps its word."""
    from matplotlib.ticker import PercentFormatter

    with chart("Reliability: share of right predictions over their probability", height=300) as drawn:
        axes = drawn.axes
        axes.plot([0, 1], [0, 1], color=svg.FAINT, linewidth=1.2, linestyle="--", label="at its word")
        sure, right = [one.confidence for one in found], [one.accuracy for one in found]
        ranges = [binomtest(one.right, one.count).proportion_ci(confidence, method="wilson") for one in found]
        below = [max(0.0, share - ends.low) for share, ends in zip(right, ranges, strict=True)]
        above = [max(0.0, ends.high - share) for share, ends in zip(right, ranges, strict=True)]
        axes.errorbar(sure, right, yerr=[below, above], fmt="o", color=svg.FIRST, markersize=6, linewidth=1.4, label="the model")
        axes.set(xlabel="probability of the predicted class", ylabel="share that is right", xlim=(0, 1.03), ylim=(0, 1.03))
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, 0))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, 0))
        axes.legend(loc="upper left")
    return drawn.markup


def confidences(found: Sequence[Bin]) -> Markup:
    """How many images were said with which probability, right and wrong."""
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    with chart("Number of images by the probability of the predicted class", height=300) as drawn:
        middles = [(one.low + one.high) / 2 for one in found]
        right, wrong = [one.right for one in found], [one.count - one.right for one in found]
        drawn.axes.bar(middles, right, width=0.09, color=svg.FIRST, label="right")
        drawn.axes.bar(middles, wrong, width=0.09, bottom=right, color=svg.SECOND, label="wrong")
        drawn.axes.set(xlabel="probability of the predicted class", ylabel="images", xlim=(0, 1.03))
        drawn.axes.xaxis.set_major_formatter(PercentFormatter(1.0, 0))
        drawn.axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        drawn.axes.legend(loc="upper left")
    return drawn.markup


def binary(labels: npt.NDArray[np.int64], second: npt.NDArray[np.float32], name: str) -> list[tuple[Markup, str]]:
    """ROC and precision-recall curve of two classes, by the probability of the second, `name`; each with its area in words."""
    from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

    false, true, _ = roc_curve(labels, second)
    precision, recall, _ = precision_recall_curve(labels, second)
    area, average, share = roc_auc_score(labels, second), average_precision_score(labels, second), float(labels.mean())
    roc = _curve("ROC curve", false, true, ("false positive rate", "true positive rate"), ([0, 1], [0, 1]))
    pr = _curve("Precision-recall curve", recall, precision, ("recall", "precision"), ([0, 1], [share, share]))
    return [(roc, f"Area under the ROC curve {area:.4f}."), (pr, f"Average precision {average:.4f}; {name} counts as positive.")]


def _curve(
    label: str,
    across: npt.NDArray[np.float64],
    up: npt.NDArray[np.float64],
    names: tuple[str, str],
    chance: tuple[list[float], list[float]],
) -> Markup:
    with chart(label, height=300) as drawn:
        drawn.axes.plot(*chance, color=svg.FAINT, linestyle="--", linewidth=1.2, label="guessing")
        drawn.axes.plot(across, up, color=svg.FIRST, label="the model")
        drawn.axes.set(xlabel=names[0], ylabel=names[1], xlim=(-0.02, 1.02), ylim=(-0.02, 1.04))
        drawn.axes.legend(loc="lower right" if names[0].startswith("false") else "lower left")
    return drawn.markup
