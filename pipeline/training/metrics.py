"""What one epoch of training measured: the value that fit yields, the study stores and MLflow shows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True)
class EpochMetrics:
    """Metrics of one epoch; `epoch` counts from 1, `seconds` is wall time, the val_ fields are None without a val split."""

    epoch: int
    train_loss: float
    val_loss: float | None
    val_accuracy: float | None
    val_precision_macro: float | None
    val_recall_macro: float | None
    val_f1_macro: float | None
    seconds: float

    def metrics(self) -> dict[str, float]:
        """Metric name → value, as logged under `step` = epoch; without what was not measured."""
        measured = {name: value for name, value in asdict(self).items() if name != "epoch"}
        return {name: value for name, value in measured.items() if value is not None}


METRICS = ("train_loss", "val_loss", "val_accuracy", "val_precision_macro", "val_recall_macro", "val_f1_macro")


def direction(metric: str) -> Literal["minimize", "maximize"]:
    """What is wanted of a metric: less of a loss, more of everything else (the words of Optuna)."""
    return "minimize" if metric.endswith("loss") else "maximize"
