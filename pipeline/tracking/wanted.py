"""The runs that MLflow should show for a study, as values: computed from the snapshot alone."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal

from pipeline.study.records import Rerun, State, StudySnapshot, TrialRecord

TRIAL_NOTE_TAG = "convoy.note"
KIND_TAG, TRIAL_TAG, STUDY_TAG = "convoy.kind", "convoy.trial_key", "convoy.study_id"
RERUN_OF_TAG, FOLD_TAG = "convoy.rerun_of", "convoy.fold"  # the key of the trial; what was held out, if not val
STATE_TAG, REASON_TAG = "convoy.state", "convoy.reason"
FRONT_TAG = "convoy.front"  # with several objectives: whether no other trial beats a completed one in all of them, yes or no
EPOCHS_TAG, SECONDS_TAG = "convoy.epochs", "convoy.seconds"  # trained so far; the first is sent behind the metrics
GIT_COMMIT_TAG, NOTE_TAG = "mlflow.source.git.commit", "mlflow.note.content"
DATA_TAG, SPACE_TAG = "convoy.data_digest", "convoy.space_digest"
NAME_TAG, PARENT_TAG = "mlflow.runName", "mlflow.parentRunId"

Status = Literal["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"]
_STATUS: dict[State, Status] = {
    "running": "RUNNING",
    "paused": "SCHEDULED",
    "completed": "FINISHED",
    "pruned": "FINISHED",
    "diverged": "FAILED",
    "out_of_memory": "FAILED",
    "infeasible": "FAILED",
    "repeated": "KILLED",
    "failed": "FAILED",
    "dropped": "KILLED",
    "interrupted": "KILLED",
}
_BEST = "- best: "  # how the line of a note begins that links it
_LONGEST_TAG = 5000  # characters; MLflow refuses more on some stores


@dataclass(frozen=True)
class Point:
    """One value of a metric; `step` is the epoch, `timestamp` unix milliseconds of its commit, so sent twice it is one point."""

    name: str
    value: float
    timestamp: int
    step: int


@dataclass(frozen=True)
class WantedRun:
    """One run as it should be; times are unix milliseconds, `epochs` holds the points of each epoch."""

    key: str
    started: int
    ended: int | None
    status: Status
    tags: dict[str, str]
    params: dict[str, str] = field(default_factory=dict)
    epochs: tuple[tuple[Point, ...], ...] = ()


def study_run(snapshot: StudySnapshot, link: str = "") -> WantedRun:
    """The parent run of the study; `link`: the line of its note that leads to what is best."""
    best = snapshot.best()
    tags = _common(snapshot, "study", snapshot.study_id)
    tags[NAME_TAG] = f"study {snapshot.study_id[:8]}"
    tags[NOTE_TAG] = with_best(_note(snapshot), link)
    if best is not None:
        tags |= {"convoy.best_trial_key": best.key, f"convoy.best_{snapshot.metric}": f"{best.value:.6g}"}
    if front := snapshot.front():
        numbers = [str(trial.number) for trial in snapshot.trials if trial.key in front]
        tags["convoy.front_trials"] = ", ".join(numbers)[:_LONGEST_TAG]
    started = _milliseconds(snapshot.created_at)
    status = _study_status(snapshot)
    return WantedRun(snapshot.study_id, started, None if status == "RUNNING" else _last_change(snapshot), status, tags)


def trial_run(snapshot: StudySnapshot, trial: TrialRecord, front: Collection[str]) -> WantedRun:
    """The run of one trial, without the tag that nests it under its parent; `front`: the keys of the trials on it."""
    tags = _common(snapshot, "trial", trial.key) | {NAME_TAG: _name(trial)}
    if snapshot.objectives and trial.state == "completed":
        tags[FRONT_TAG] = "yes" if trial.key in front else "no"
    return _run(trial, tags)


def rerun_run(snapshot: StudySnapshot, rerun: Rerun) -> WantedRun:
    """The run of a candidate trained again, without the tag that nests it under its parent; its key is its own."""
    tags = _common(snapshot, "rerun", rerun.run.key) | {RERUN_OF_TAG: rerun.trial_key}
    name = f"{_name(rerun.run)}, new seed {rerun.repeat + 1}"
    if rerun.fold is not None:
        tags, name = tags | {FOLD_TAG: str(rerun.fold)}, f"{name}, fold {rerun.fold}"
    return _run(rerun.run, tags | {NAME_TAG: name})


def refit_link(trial_key: str, run_id: str, experiment: str) -> str:
    """The line of the note of a study that leads to its winner."""
    return best_link(f"trial {trial_key.rpartition('-')[2]}, trained again on train and val", run_id, experiment)


def best_link(text: str, run_id: str, experiment: str) -> str:
    """A line of the note of a study: what is best of it, and the page of that run in the MLflow that shows the note."""
    return f"{_BEST}[{text}](#/experiments/{experiment}/runs/{run_id})"


def with_best(note: str, link: str) -> str:
    """The note with this line about what is best, in the place of an earlier one."""
    lines = [line for line in note.splitlines() if not line.startswith(_BEST)]
    return "\n".join([link, *lines] if link else lines)


def _name(trial: TrialRecord) -> str:
    """As it stands beside its curve: the number, and the state of what is not or will not be finished."""
    plain = trial.state in ("completed", "running")
    return f"trial {trial.number:04d}" if plain else f"trial {trial.number:04d} {trial.state.replace('_', ' ')}"


def _run(trial: TrialRecord, tags: dict[str, str]) -> WantedRun:
    tags = tags | {STATE_TAG: trial.state, "convoy.seed": str(trial.seed)}
    if trial.note:
        tags[TRIAL_NOTE_TAG] = trial.note
    if trial.epochs:
        tags[SECONDS_TAG] = f"{sum(epoch.seconds for epoch in trial.epochs):.1f}"
    if trial.reason:
        tags[REASON_TAG] = trial.reason[:_LONGEST_TAG]
    started = _milliseconds(trial.started_at)
    return WantedRun(
        key=trial.key,
        started=started,
        ended=None if trial.state in ("running", "paused") else _milliseconds(_ended_at(trial)),
        status=_STATUS[trial.state],
        tags=tags,
        params={name: str(value) for name, value in trial.hyperparameters.items()},
        epochs=_points(trial),
    )


def _common(snapshot: StudySnapshot, kind: str, key: str) -> dict[str, str]:
    tags = {
        KIND_TAG: kind,
        TRIAL_TAG: key,
        STUDY_TAG: snapshot.study_id,
        DATA_TAG: snapshot.identity.get("data", ""),
        SPACE_TAG: snapshot.identity.get("space", ""),
        GIT_COMMIT_TAG: snapshot.facts.get("commit", ""),
    }
    return {name: value for name, value in tags.items() if value}


def _note(snapshot: StudySnapshot) -> str:
    digests = [f"- {name} digest: {snapshot.identity[name][:16]}" for name in ("data", "space") if name in snapshot.identity]
    lines = [*(f"- {name}: {value}" for name, value in sorted(snapshot.facts.items())), *digests]
    return "\n".join(lines)[:_LONGEST_TAG]


def _study_status(snapshot: StudySnapshot) -> Status:
    again = {rerun.run.state for rerun in snapshot.reruns}
    if snapshot.finished and not again & {"running", "interrupted"}:
        return "FINISHED"
    states = {trial.state for trial in snapshot.trials} | again
    return "KILLED" if states and "running" not in states else "RUNNING"


def _last_change(snapshot: StudySnapshot) -> int:
    runs = (*snapshot.trials, *(rerun.run for rerun in snapshot.reruns))
    return max([_milliseconds(_ended_at(run)) for run in runs], default=_milliseconds(snapshot.created_at))


def _ended_at(trial: TrialRecord) -> float:
    return trial.ended_at or max(trial.committed_at, default=trial.started_at)


def _points(trial: TrialRecord) -> tuple[tuple[Point, ...], ...]:
    """With the first epoch, before which they are known, what the network costs."""
    return tuple(
        tuple(
            Point(name, value, _milliseconds(committed_at), epoch.epoch)
            for name, value in {**epoch.metrics(), **(trial.costs if epoch.epoch == 1 else {})}.items()
            if math.isfinite(value)  # MLflow would show infinity as 1.8e308
        )
        for epoch, committed_at in zip(trial.epochs, trial.committed_at, strict=True)
    )


def _milliseconds(unix_seconds: float) -> int:
    return int(unix_seconds * 1000)
