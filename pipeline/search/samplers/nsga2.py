"""A genetic algorithm, NSGA-II (Deb et al. 2002): crosses and mutates the best trials that finished."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from pipeline.search.samplers.sampling import Sampling, trial_seed

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class Nsga2(Sampling):
    """`population`: trials that finish in each generation; the first one is first points, then chance."""

    population: int = Field(default=10, ge=2)

    def build(self, seed: int, number: int) -> BaseSampler:
        """See Sampling."""
        from pipeline.search.samplers.genetic import OneTrialNSGAIISampler

        return OneTrialNSGAIISampler(trial_seed(seed, number), number, self.population)
