"""The `search` section of params.yaml."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from pipeline.config import Section

Metric = Literal["val_accuracy", "val_loss", "val_precision_macro", "val_recall_macro", "val_f1_macro"]


def _can_be_given(value: float | Literal["auto"]) -> float | Literal["auto"]:
    if value != "auto" and (value < 0 or (value > 1 and value % 1)):
        raise ValueError("must be `auto`, a share from 0 to 1, or a whole number")
    return value


Amount = Annotated[float | Literal["auto"], AfterValidator(_can_be_given)]  # of CPUs or GPUs, as Ray counts them


class SearchParams(Section):
    """What to search, by which rules, within which budget. The budget (trials, minutes) is no part of a study's identity."""

    space: str = "search_spaces/cnn.yaml"
    metric: Metric = "val_accuracy"
    seed: int = Field(default=0, ge=0, lt=2**31)
    trials: int | None = Field(default=20, ge=1)
    time_limit_minutes: float | None = Field(default=None, gt=0)
    sampler: Literal["tpe", "random"] = "tpe"
    stopping: Literal["asha", "none"] = "asha"
    cpus_per_trial: Amount = "auto"
    gpus_per_trial: Amount = "auto"
    tracking_uri: str | None = None  # default: MLFLOW_TRACKING_URI, else mlflow.db of the main repository
    experiment: str = Field(default="convoy", min_length=1)

    @model_validator(mode="after")
    def _has_a_budget(self) -> Self:
        if self.trials is None and self.time_limit_minutes is None:
            raise ValueError("give search.trials, search.time_limit_minutes or both: a search needs an end")
        return self
