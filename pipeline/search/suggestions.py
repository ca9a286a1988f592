"""What a search tries next: what its sampler suggests or, once that is stuck, a configuration that was not run yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property

from pipeline.search import audit, repeats, samplers
from pipeline.search.repeats import Listing, Runs
from pipeline.search.samplers import Sampling
from pipeline.search.settings import SearchParams
from pipeline.search.spaces.space import Space
from pipeline.study.records import TrialRecord
from pipeline.study.store import Study
from pipeline.training.hyperparameters import Value

_SEED_LIMIT = 2**31


class Suggestions:
    """Trials for a study, each committed to it; `fits` tells which of the configurations left could be launched."""

    def __init__(
        self, study: Study, space: Space, params: SearchParams, runs: Runs, fits: Callable[[Mapping[str, Value]], bool]
    ) -> None:
        self._study, self._space, self._params, self._runs, self._fits = study, space, params, runs, fits
        self.exhausted = False  # whether nothing of the space is left to run

    def next(self) -> TrialRecord | None:
        """The next trial; None when every configuration of the space that fits has been run, or the database is away."""
        if not self._runs.stuck:
            return self._ask(self._params.sampler, self._params.sampling())
        if self._listing is None:
            return self._ask("random")  # which hardly ever repeats itself in so large a space
        left = self._runs.left(self._listing, self._fits, samplers.trial_seed(self._params.seed, self._study.next_number))
        self.exhausted = left is None
        return None if left is None else self._ask(self._params.sampler, self._params.sampling(), given=left)

    def _ask(self, sampler: str, options: Sampling | None = None, given: Mapping[str, Value] | None = None) -> TrialRecord | None:
        seed, number = self._params.seed, self._study.next_number
        return self._study.ask(
            self._space.suggest,
            samplers.sampler(sampler, seed, number, options),
            samplers.trial_seed(seed, number) % _SEED_LIMIT,
            first_points=self._space.first_points,
            given=given,
            audited=audit.drawn(self._params.audit_share, seed, number),
        )

    @cached_property
    def _listing(self) -> Listing | None:
        return repeats.listing(self._space)
