"""Optuna's Gaussian process on one thread: its matrices are small, and two threads took three to six times the processor time."""

from __future__ import annotations

from typing import Any

import torch
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import GPSampler
from optuna.trial import FrozenTrial


class OneThreadGPSampler(GPSampler):
    """The same suggestions; torch has its threads back afterwards."""

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]) -> dict[str, Any]:
        """See GPSampler."""
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return super().sample_relative(study, trial, search_space)
        finally:
            torch.set_num_threads(threads)
