"""What stopping trials early saves, and what it costs: a share of all trials is never stopped and shows what was missed."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from pipeline.search.stopping import Rule, decide
from pipeline.search.verdict import curve
from pipeline.study.records import StudySnapshot, TrialRecord

TOP = 0.1  # share of all trials, by their value, of which none should be stopped


@dataclass(frozen=True)
class Audit:
    """A study's stopping rule, judged by the trials that it could not stop.

    `audited` trained their whole plan though the rule `would_stop` some; `top` of them are in the top tenth of the study, with
    several objectives on its front, and `top_would_stop` of these the rule would have stopped. `stopped` trials really were,
    which left out `epochs_saved`, and `seconds_saved` of training at each trial's own pace; the audit trained `epochs_spent`
    beyond where the rule would have ended.
    """

    audited: int
    would_stop: int
    top: int
    top_would_stop: int
    stopped: int
    epochs_trained: int
    epochs_saved: int
    seconds_saved: float
    epochs_spent: int

    def record(self) -> dict[str, Any]:
        """As JSON, without the seconds, which differ from run to run."""
        return {name: value for name, value in asdict(self).items() if name != "seconds_saved"}


def drawn(share: float, seed: int, number: int) -> bool:
    """Whether trial `number` of the study seeded `seed` is never stopped: `share` of all, the same ones after a restart."""
    draw = hashlib.sha256(f"{seed}/audit/{number}".encode()).digest()[:8]
    return int.from_bytes(draw, "big") < share * 2**64


def audit(snapshot: StudySnapshot, rule: Rule) -> Audit:
    """Of everything that has ended so far; `rule` is the one that stopped trials."""
    stopped = [trial for trial in snapshot.trials if trial.state == "pruned"]
    audited = [trial for trial in snapshot.trials if trial.audited and trial.state == "completed"]
    best = _top(snapshot)
    top = [trial for trial in audited if trial.number in best]
    would = _would_stop(snapshot, audited, rule)
    return Audit(
        audited=len(audited),
        would_stop=len(would),
        top=len(top),
        top_would_stop=sum(trial.key in would for trial in top),
        stopped=len(stopped),
        epochs_trained=sum(len(trial.epochs) for trial in snapshot.trials),
        epochs_saved=sum(_left(trial) for trial in stopped),
        seconds_saved=sum(_left(trial) * _pace(trial) for trial in stopped),
        epochs_spent=sum(len(trial.epochs) - would[trial.key] for trial in audited if trial.key in would),
    )


def lines(found: Audit, best: str = "in the top tenth") -> list[str]:
    """For a person, at the end of a search; nothing where nothing was or would have been stopped.

    best: what `top` of the audited trials are.
    """
    said = []
    if found.stopped:
        planned = found.epochs_trained + found.epochs_saved
        minutes = f"{found.seconds_saved / 60:.1f} min"
        said.append(f"stopping ended {found.stopped} trials: {found.epochs_saved} of {planned} epochs saved, about {minutes}")
    if found.audited and (found.stopped or found.would_stop):
        said.append(
            f"audit: of {found.audited} trials never stopped, the rule would have ended {found.would_stop}; "
            f"{found.top} of them were {best}, and of these it would have ended {found.top_would_stop}"
        )
    return said


def _would_stop(snapshot: StudySnapshot, audited: Iterable[TrialRecord], rule: Rule) -> dict[str, int]:
    """The keys of those that the rule would have ended, and after how many epochs.

    As it said then; what a rule tells to wait only where it says so still, with all that came as far by now.
    """
    if not rule.pauses:
        return {trial.key: trial.stops.index(True) + 1 for trial in audited if any(trial.stops)}
    curves = {trial.key: curve(trial, snapshot.metric, snapshot.objectives) for trial in snapshot.trials}
    found = {}
    for trial in audited:
        for epoch in range(1, trial.planned_epochs):
            cut = replace(curves[trial.key], values=curves[trial.key].values[:epoch])
            if decide(rule, {**curves, trial.key: cut}, trial.key, snapshot.direction):
                found[trial.key] = epoch
                break
    return found


def _top(snapshot: StudySnapshot) -> set[int]:
    """The numbers of the completed trials in the top tenth of all that completed or were stopped, equal values together.

    With several objectives, of those on the front.
    """
    if snapshot.objectives:
        front = snapshot.front()
        return {trial.number for trial in snapshot.trials if trial.key in front}
    ended = [trial for trial in snapshot.trials if trial.state in ("completed", "pruned")]
    sign = 1.0 if snapshot.direction == "maximize" else -1.0
    completed = [(sign * trial.value, trial) for trial in ended if trial.value is not None]
    merits = sorted((merit for merit, _ in completed), reverse=True)[: math.ceil(TOP * len(ended))]
    return {trial.number for merit, trial in completed if merits and merit >= merits[-1]}


def _left(trial: TrialRecord) -> int:
    return trial.planned_epochs - len(trial.epochs)


def _pace(trial: TrialRecord) -> float:
    """Seconds an epoch."""
    return sum(metrics.seconds for metrics in trial.epochs) / max(1, len(trial.epochs))
