"""A Gaussian process with expected improvement: much from few trials, at a second or more a suggestion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from pipeline.search.samplers.sampling import Sampling, trial_seed

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class Gp(Sampling):
    """Random until `startup_trials` have a value; a model of `history` trials at most, as its time grows with their third power.

    It knows values only: see history.valued for what it is told of trials that were stopped, diverged or did not fit. Conditional
    hyperparameters, which it cannot model, are drawn by TPE.
    """

    startup_trials: int = Field(default=10, ge=1)
    history: int = Field(default=150, ge=25)  # thinned always keeps the 25 best

    def build(self, seed: int, number: int) -> BaseSampler:
        """See Sampling."""
        from optuna.samplers import TPESampler

        from pipeline.search.samplers.gaussian import OneThreadGPSampler
        from pipeline.search.samplers.history import Remembering, thinned, valued

        own = trial_seed(seed, number)
        inner = OneThreadGPSampler(
            seed=own,
            n_startup_trials=self.startup_trials,
            independent_sampler=TPESampler(seed=own),
            warn_independent_sampling=False,
        )
        return Remembering(inner, lambda trials, ways: valued(thinned(trials, ways, self.history), ways))
