"""Sections of params.yaml for the stages that train and measure the winner."""

from __future__ import annotations

from pydantic import Field

from pipeline.config import Section


class RefitParams(Section):
    """`refit`: the best hyperparameters trained on train and val, or those of another trial on the front."""

    seed: int = Field(0, ge=0, lt=2**32)
    trial: int | None = Field(None, ge=0)  # its number; None: the winner


class EvaluateParams(Section):
    """`evaluate`: the only look at the test split."""

    batch_size: int = Field(1024, ge=1, le=65536)  # images at a time; no influence on the result
    confidence: float = Field(0.95, gt=0.0, lt=1.0)  # of the interval around the test accuracy
