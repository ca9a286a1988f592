"""`split` of params.yaml."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.config import Section


class SplitParams(Section):
    """How images are divided into train, val and test."""

    seed: int = 0
    val_share: float = Field(default=0.15, gt=0.0, lt=1.0)
    test_share: float = Field(default=0.15, gt=0.0, lt=1.0)
    given: Literal["keep", "ignore"] = "keep"  # the train, val and test folders of the source
    on_leak: Literal["report", "move"] = "report"  # near-duplicates and groups across given splits; move: to the strictest side
    near_duplicates: Literal["auto", "off"] | Annotated[float, Field(gt=0.0, lt=1.0)] = "auto"  # or the distance up to which
    folds: int = Field(default=0, ge=0, le=20)  # of train + val, for cross-validation; 0: none
    keep_earlier: bool = True  # images stay where the split made last put them; see earlier.terms

    @model_validator(mode="after")
    def _can_be_done(self) -> SplitParams:
        if self.val_share + self.test_share >= 1:
            raise ValueError("val_share + test_share must be less than 1")
        if self.folds == 1:
            raise ValueError("folds must be 0 or at least 2")
        return self
