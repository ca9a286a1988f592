"""Random search: every trial for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.search.samplers.sampling import Sampling, trial_seed

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class Random(Sampling):
    """Nothing to set."""

    def build(self, seed: int, number: int) -> BaseSampler:
        """See Sampling."""
        from optuna.samplers import RandomSampler

        return RandomSampler(seed=trial_seed(seed, number))
