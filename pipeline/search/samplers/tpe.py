"""The tree-structured Parzen estimator: draws where good trials lie densely and others do not (Bergstra et al. 2011)."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from pydantic import Field

from pipeline.search.samplers.sampling import Sampling, trial_seed

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class Tpe(Sampling):
    """Random until `startup_trials` have ended; then the best of `candidates` draws, by a model of `history` trials at most.

    Hyperparameters that are searched under the same condition are drawn jointly, with several objectives each by itself. Time
    for a suggestion grows with the trials in the model, so a long history is thinned: see history.thinned.
    """

    startup_trials: int = Field(default=10, ge=1)
    candidates: int = Field(default=24, ge=1)
    history: int = Field(default=250, ge=50)

    def build(self, seed: int, number: int) -> BaseSampler:
        """See Sampling."""
        from optuna.exceptions import ExperimentalWarning

        from pipeline.search.samplers.history import Remembering, by_factors, thinned
        from pipeline.search.samplers.parzen import FittingTPESampler

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)  # `group` is in Optuna since 2.8
            inner = FittingTPESampler(
                seed=trial_seed(seed, number),
                n_startup_trials=self.startup_trials,
                n_ei_candidates=self.candidates,
                multivariate=True,
                group=True,
            )
        return Remembering(inner, lambda trials, ways: by_factors(thinned(trials, ways, self.history), ways))
