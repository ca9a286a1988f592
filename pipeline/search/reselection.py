"""The best of a search, trained again from new seeds: the decisions of it, without Ray, as the conductor takes those of a search.

The value of the best of many trials is partly luck with seed and images, so it is never taken for what its network is worth:
it only chooses the candidates (Cawley and Talbot 2010, Journal of Machine Learning Research 11, 2079–2107).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from pipeline.data.preparation import packed
from pipeline.data.preparation.recipe import Recipe
from pipeline.errors import ConvoyError, WrongValue
from pipeline.search.execution.messages import Message
from pipeline.search.settings import Reselect
from pipeline.search.verdict import measured, not_finite
from pipeline.study.records import ENDED, Rerun, State, StudySnapshot, TrialRecord
from pipeline.study.reruns import Reruns
from pipeline.training.metrics import EpochMetrics

TRIED_AGAIN: frozenset[State] = frozenset({"failed", "out_of_memory"})  # by the next process, from their checkpoint


def candidates(snapshot: StudySnapshot, reselect: Reselect) -> list[TrialRecord]:
    """The trials of the best values, the best first and the earlier of equals; none when there is only one, and it completed.

    Besides the completed ones those count that were stopped, or that the end of the budget interrupted, with the value where they
    stood: all are trained in full before one is chosen, and one that is ahead before its end would be so after it.
    """
    if not reselect.wanted:
        return []
    sign = 1.0 if snapshot.direction == "minimize" else -1.0
    standing = [known for trial in snapshot.trials if (known := _with_value(trial, snapshot.metric)) is not None]
    best = sorted(standing, key=lambda trial: (sign * (trial.value or 0.0), trial.number))[: reselect.candidates]
    return best if len(best) > 1 or any(trial.state != "completed" for trial in best) else []


def _with_value(trial: TrialRecord, metric: str) -> TrialRecord | None:
    """A trial that may be a candidate, with the value it has or had when it was put aside; None for any other."""
    if trial.state == "completed":
        return trial
    if trial.state not in ("pruned", "interrupted") or not trial.epochs or not_finite(trial.epochs[-1]):
        return None
    return replace(trial, value=measured(trial.epochs[-1], metric))


def plan(snapshot: StudySnapshot, reselect: Reselect, seed: int, folds: int = 0) -> list[Rerun]:
    """Every rerun that these parameters mean: a pure function of the study's trials, so that a restart plans the same.

    folds: of train + val; each is held out and scored once a seed when the candidates are not scored on val.
    """
    held_out = range(folds) if reselect.score_on == "folds" else [None]
    chosen = candidates(snapshot, reselect)
    return [_rerun(trial, repeat, fold, seed) for repeat in range(reselect.seeds) for fold in held_out for trial in chosen]


def fold_count(reselect: Reselect, recipe: Recipe, folder: Path) -> int:
    """How many folds the candidates are scored on, 0 when that is val; raises WrongValue when the data has none."""
    if reselect.score_on == "val" or not reselect.wanted:
        return 0
    folds = max(packed.read_folds(folder / split, recipe.digests[split]) for split in ("train", "val"))
    if folds == 0:
        why, remedy = "it has no folds", "set split.folds and run `dvc repro`, or score_on: val"
        raise WrongValue("search.reselect.score_on", where=str(folder), why=why, remedy=remedy)
    return folds


def trained_no_more(snapshot: StudySnapshot, planned: Iterable[Rerun]) -> list[str]:
    """The keys of the trials and reruns whose checkpoints are of no use any more."""
    wanted = {rerun.run.key for rerun in planned}
    runs = (*snapshot.trials, *(rerun.run for rerun in snapshot.reruns))
    return [run.key for run in runs if run.state in ENDED and not (run.key in wanted and run.state in TRIED_AGAIN)]


def rerun_seed(seed: int, rerun_key: str) -> int:
    """31 bits of sha256: a seed that no trial of the search had, save by chance."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{rerun_key}".encode()).digest()[:4], "big") >> 1


def _rerun(trial: TrialRecord, repeat: int, fold: int | None, seed: int) -> Rerun:
    key = f"{trial.key}-s{repeat}" + ("" if fold is None else f"f{fold}")
    run = replace(
        trial,
        key=key,
        seed=rerun_seed(seed, key),
        state="interrupted",
        value=None,
        reason="",
        ended_at=None,
        epochs=(),
        committed_at=(),
        note="",
    )
    return Rerun(run, trial.key, repeat, fold)


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
