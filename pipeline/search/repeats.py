"""Equal configurations are not run twice: which suggestion repeats which trial, and what has not been run yet."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from pipeline.search.spaces.space import Space
from pipeline.study.records import ENDED, UNCOUNTED, TrialRecord
from pipeline.training.hyperparameters import Value

IN_A_ROW = 20  # suggestions that were run already, after which the sampler is not asked again but told what to try
ENUMERATED = 10_000  # configurations of a space that are listed to find what is left; of a larger one enough is always left
Listing = Sequence[tuple[str, Mapping[str, Value]]]  # what `configuration` makes of each, and the configuration


def configuration(hyperparameters: Mapping[str, Value]) -> str:
    """Equal for equal configurations, fixed hyperparameters included; real numbers count as equal in 12 digits."""
    return json.dumps({name: _rounded(value) for name, value in hyperparameters.items()}, sort_keys=True)


def listing(space: Space) -> Listing | None:
    """All that a space can suggest; None if that is more than ENUMERATED configurations."""
    every = space.configurations(ENUMERATED)
    return None if every is None else [(configuration(point), point) for point in every]


class Runs:
    """The trials of each configuration; `allowed` of them are run."""

    def __init__(self, allowed: int, trials: Iterable[TrialRecord] = ()) -> None:
        """`trials`: those that the study holds already; what a killed driver left without an epoch is yet to be judged."""
        self._allowed = allowed
        self._of: defaultdict[str, dict[int, TrialRecord]] = defaultdict(dict)
        self._repeated: list[int] = []
        self._last_launched = -1
        for trial in trials:
            if trial.state in ENDED or trial.epochs:
                self.add(trial)

    def add(self, trial: TrialRecord) -> None:
        """A trial that was launched, found infeasible or found to be a repetition, or has ended since."""
        if trial.state == "repeated":
            self._repeated.append(trial.number)
            return
        self._of[configuration(trial.hyperparameters)][trial.number] = trial
        if trial.state not in UNCOUNTED:
            self._last_launched = max(self._last_launched, trial.number)

    def repeated(self, trial: TrialRecord) -> TrialRecord | None:
        """The earlier trial that this one would repeat, the latest that has ended if one has; None if it is to be run."""
        earlier = [run for run in self._of[configuration(trial.hyperparameters)].values() if run.number < trial.number]
        if len(earlier) < self._allowed:
            return None
        return max(earlier, key=lambda run: (run.state in ENDED, run.number))

    @property
    def launched(self) -> bool:
        """Whether any trial was."""
        return self._last_launched >= 0

    @property
    def stuck(self) -> bool:
        """Whether the sampler has suggested IN_A_ROW repetitions since it last suggested what was to be run."""
        return sum(number > self._last_launched for number in self._repeated[-IN_A_ROW:]) == IN_A_ROW

    def left(self, every: Listing, fits: Callable[[Mapping[str, Value]], bool], draw: int) -> Mapping[str, Value] | None:
        """One of `every` configuration that fits and may still be run: the first from the `draw`-th on, counted round."""
        start = draw % max(1, len(every))
        free = (point for name, point in (*every[start:], *every[:start]) if len(self._of.get(name, ())) < self._allowed)
        return next(filter(fits, free), None)


def _rounded(value: Value) -> Value:
    return f"{value:.12g}" if isinstance(value, float) else value
