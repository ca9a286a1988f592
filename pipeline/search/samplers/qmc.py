"""Quasi-random search: a scrambled Sobol sequence, which covers the space more evenly than chance does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.search.samplers.sampling import Sampling

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class Qmc(Sampling):
    """Nothing to set: trial n is point n of the sequence that the study's seed scrambles."""

    def build(self, seed: int, number: int) -> BaseSampler:
        """See Sampling."""
        from pipeline.search.samplers.sobol import SobolSampler

        return SobolSampler(seed, number)
