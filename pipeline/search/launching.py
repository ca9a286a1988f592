"""Which suggestions are launched: none that repeats a trial, and none whose network does not fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pipeline.errors import DoesNotFit, NothingFits, OverLimit
from pipeline.search.repeats import Runs
from pipeline.study.records import Outcome, TrialRecord
from pipeline.training.hyperparameters import Value

INFEASIBLE_IN_A_ROW = 100  # after so many a search is not worth going on with


class Launching:
    """Judges trials before they train; `require` raises DoesNotFit or OverLimit for a network not to be launched.

    What takes longer than `latency_ms` for an image is found out on the worker, before the first epoch.
    """

    def __init__(self, runs: Runs, require: Callable[[Mapping[str, Value]], None], latency_ms: float | None) -> None:
        self._runs, self._require, self._latency_ms = runs, require, latency_ms
        self._latest_misfit = ""
        self.too_slow_in_a_row = 0

    def refusal(self, trial: TrialRecord) -> Outcome | None:
        """The end of a trial that is not to be launched; None for one that is."""
        earlier = self._runs.repeated(trial) if not trial.epochs else None
        if earlier is not None:
            return Outcome("repeated", reason=f"trial {earlier.number} again", earlier=earlier.key)
        if not self.fits(trial.hyperparameters):
            return Outcome("infeasible", reason=self._latest_misfit)
        return self.too_slow(trial)

    def too_slow(self, trial: TrialRecord) -> Outcome | None:
        """The end of a trial whose latency is known and over the limit."""
        latency = trial.costs.get("latency_ms")
        if latency is None or self._latency_ms is None:
            return None
        if latency <= self._latency_ms:
            self.too_slow_in_a_row = 0
            return None
        self.too_slow_in_a_row += 1
        self._latest_misfit = f"latency: {latency:.3g} ms, but search.limits.latency_ms is {self._latency_ms:g}"
        return Outcome("infeasible", reason=self._latest_misfit)

    def fits(self, hyperparameters: Mapping[str, Value]) -> bool:
        """Whether this network may be launched."""
        try:
            self._require(hyperparameters)
        except (DoesNotFit, OverLimit) as misfit:
            self._latest_misfit = f"{misfit.what}: {misfit.why}"
            return False
        return True

    def nothing_fits(self, where: str, tried: int) -> NothingFits:
        """The end of a search in which the latest networks in a row, so many were `tried`, or all that there are did not fit."""
        return NothingFits(
            "the search space",
            where=where,
            why=f"{tried or 'all'} networks in a row do not fit; the last: {self._latest_misfit}",
            remedy="fewer layers or poolings, smaller kernels, larger images, or higher search.limits",
        )
