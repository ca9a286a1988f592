"""Optuna's TPE, which draws hyperparameters jointly for one objective and each by itself for several."""

from __future__ import annotations

from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial


def jointly(study: Study) -> bool:
    """Whether hyperparameters are drawn together; apart they cover more of a front (benchmarks/bench_objectives.py)."""
    return len(study.directions) == 1


class FittingTPESampler(TPESampler):
    """Made for joint draws, which it leaves to each study's objectives."""

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """See TPESampler; empty when nothing is drawn jointly."""
        return super().infer_relative_search_space(study, trial) if jointly(study) else {}

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]) -> dict[str, Any]:
        """See TPESampler."""
        return super().sample_relative(study, trial, search_space) if search_space else {}
