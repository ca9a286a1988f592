"""The candidates of a search, trained again: decided without Ray, as the conductor decides the search."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from pipeline.errors import ConvoyError
from pipeline.search.candidates import TRIED_AGAIN
from pipeline.search.execution.messages import Message
from pipeline.search.verdict import measured, not_finite
from pipeline.study.records import ENDED, Rerun, State, TrialRecord
from pipeline.study.reruns import Reruns
from pipeline.training.metrics import EpochMetrics


class Reselection:
    """Hands out what is left of a plan and takes in what comes of it; nothing is stopped early or told to the sampler.

    What failed or ran out of memory in an earlier process is tried again, since the cause may be repaired; what was interrupted
    and is not in the plan is dropped.

    `ended(rerun)` is told of every end. When it is asked to stop is the business of Phases.
    """

    def __init__(
        self, reruns: Reruns, planned: Iterable[Rerun], metric: str, ended: Callable[[Rerun], None] = lambda rerun: None
    ) -> None:
        self._reruns, self._metric, self._ended = reruns, metric, ended
        planned = tuple(planned)
        reruns.drop_others([rerun.run.key for rerun in planned])
        known = {rerun.run.key: _taken_up(rerun) for rerun in reruns.read()}
        self._begun = set(known)
        self._all = {rerun.run.key: known.get(rerun.run.key, rerun) for rerun in planned}
        self._waiting = [key for key, rerun in self._all.items() if rerun.run.state not in ENDED]
        self._live: set[str] = set()
        self.failure: ConvoyError | None = None

    @property
    def left(self) -> list[Rerun]:
        """What is still to be trained."""
        return [rerun for rerun in self._all.values() if rerun.run.state not in ENDED]

    def rerun(self, key: str) -> Rerun:
        """The rerun of this key."""
        return self._all[key]

    def exhausted(self) -> bool:
        """Whether no further rerun will be handed out."""
        return self.failure is not None or not self._waiting

    def next(self) -> TrialRecord | None:
        """The next run to train, committed before it does; None when there is none."""
        if self.exhausted():
            return None
        rerun = self._all[self._waiting.pop(0)]
        key = rerun.run.key
        self._reruns.resume(key) if key in self._begun else self._reruns.begin(rerun)
        self._live.add(key)
        return rerun.run

    def heard(self, message: Message) -> bool:
        """Take in a worker's message; True when its run is not to go on."""
        key = message.trial_key
        if key not in self._live:
            return True
        known = len(self._all[key].run.epochs)
        for metrics in (metrics for metrics in message.epochs if metrics.epoch > known):
            self._add(key, metrics)
        if not message.end and not message.hindrance:
            self._note(key, message.note)
        if message.hindrance:
            self.failure = self.failure or message.problem()
        elif message.end:
            self._finish(key, message.end, reason=message.reason)
        elif message.outcomes:
            self._settle(key, message.outcomes)
        return self.failure is not None or key not in self._live

    def lost(self, key: str, reason: str) -> None:
        """A worker died again and again on this run."""
        if key in self._live:
            self._finish(key, "failed", reason=reason)

    def close(self) -> None:
        """Put aside what runs, and what a killed driver left running, for next time."""
        self._live.clear()
        self._reruns.put_aside()

    def _add(self, key: str, metrics: EpochMetrics) -> None:
        rerun = self._all[key]
        self._all[key] = replace(rerun, run=replace(rerun.run, epochs=(*rerun.run.epochs, metrics)))
        self._reruns.add_epoch(key, metrics)

    def _note(self, key: str, text: str) -> None:
        """As of the training that goes on: one that starts over for want of its checkpoint may do without."""
        rerun = self._all[key]
        if text != rerun.run.note:
            self._all[key] = replace(rerun, run=replace(rerun.run, note=text))
            self._reruns.note(key, text)

    def _settle(self, key: str, outcomes: bytes) -> None:
        last = self._all[key].run.epochs[-1]
        if broken := not_finite(last):
            self._finish(key, "diverged", reason=f"{broken} is not finite after epoch {last.epoch}")
        else:
            self._finish(key, "completed", value=measured(last, self._metric), outcomes=outcomes)

    def _finish(self, key: str, state: State, *, value: float | None = None, reason: str = "", outcomes: bytes = b"") -> None:
        self._reruns.finish(key, state, value=value, reason=reason, outcomes=outcomes)
        rerun = self._all[key]
        self._all[key] = ended = replace(rerun, run=replace(rerun.run, state=state, value=value, reason=reason))
        self._live.discard(key)
        self._ended(ended)


def _taken_up(rerun: Rerun) -> Rerun:
    """As it waits to be handed out, if it is to be tried again."""
    if rerun.run.state not in TRIED_AGAIN | {"dropped"}:
        return rerun
    return replace(rerun, run=replace(rerun.run, state="interrupted", reason="", ended_at=None))
