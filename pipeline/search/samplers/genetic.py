"""Optuna's NSGA-II for one trial; Optuna's own leaves configurations that it did not draw out of every generation."""

from __future__ import annotations

from optuna import Study
from optuna.samplers import NSGAIISampler
from optuna.trial import FrozenTrial


class OneTrialNSGAIISampler(NSGAIISampler):
    """The same suggestions; trial `number` joins its generation even when all of its values are given.

    Optuna notes the generation when it draws the first value that is not given, and breeds only trials that have one.
    """

    def __init__(self, seed: int, number: int, population: int) -> None:
        super().__init__(seed=seed, population_size=population)
        self._number = number

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Called before anything is drawn, and again when the study reports or ends a trial, whichever that is."""
        super().before_trial(study, trial)
        if trial.number == self._number:
            self.get_trial_generation(study, trial)
