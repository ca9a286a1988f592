"""MLflow as a projection of the study: one function makes MLflow equal to it, again and again.

One parent run a study, one nested run a trial and a rerun, found again by the tag convoy.trial_key. What is already there is
not sent again, so a second call changes nothing and a call on an emptied MLflow recreates everything. There is one writer.
Beside a search, what a pass has shown is remembered for the next one, which then costs what has changed.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.study.records import StudySnapshot, TrialRecord
from pipeline.tracking import runs
from pipeline.tracking.connection import connect, experiment_id, reaching
from pipeline.tracking.views import experiment_tags
from pipeline.tracking.wanted import (
    KIND_TAG,
    PARENT_TAG,
    STUDY_TAG,
    TRIAL_TAG,
    WantedRun,
    best_link,
    refit_link,
    rerun_run,
    study_run,
    trial_run,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_KINDS = ("study", "trial", "rerun")  # a refit run carries the key of its trial too


@dataclass
class Projection:
    """What one pass did; nothing created, updated or deleted when MLflow was equal to the study already."""

    experiment_id: str = ""
    parent_run_id: str = ""
    created: int = 0
    updated: int = 0
    epochs_sent: int = 0
    ghosts_deleted: int = 0  # second runs of one trial, left by a response that was lost
    trials_done: int = 0
    reruns_done: int = 0
    seconds: float = 0.0


@dataclass
class Shown:
    """What MLflow shows of a study as far as this process has seen to it: the run of each key, and what was sent under it.

    `front`: the keys of the trials that were on it then; `refit`: the trial that was refitted and the run of that, if any was.
    """

    run_ids: dict[str, str] = field(default_factory=dict)
    sent: dict[str, TrialRecord] = field(default_factory=dict)
    front: frozenset[str] = frozenset()
    refit: tuple[str, str] | None = None
    experiment_tags: dict[str, str] = field(default_factory=dict)


def project(
    snapshot: StudySnapshot,
    uri: str,
    experiment: str,
    shown: Shown | None = None,
    watch: Callable[[Sequence[TrialRecord]], Iterable[TrialRecord]] = iter,
) -> Projection:
    """Make MLflow equal to the study; raises TrackingUnreachable saying what is left, after which it may be called again.

    Whatever is not in `shown`, or all without it, is looked up; what is the same value as last time is passed over.
    `watch` is given the trials and reruns and gives them back, one when it is taken up.
    """
    done = Projection()
    shown = Shown() if shown is None else shown
    begun = time.monotonic()
    with reaching(uri, lambda: f"{_left(snapshot, done)} left to sync"):
        _project(snapshot, connect(uri), uri, experiment, shown, done, watch)
    done.seconds = time.monotonic() - begun
    return done


def _project(
    snapshot: StudySnapshot,
    client: MlflowClient,
    uri: str,
    experiment: str,
    shown: Shown,
    done: Projection,
    watch: Callable[[Sequence[TrialRecord]], Iterable[TrialRecord]],
) -> None:
    done.experiment_id = experiment_id(client, experiment, uri)
    present = {} if shown.run_ids else _present(client, snapshot.study_id, shown, done)
    parent = _begin(client, study_run(snapshot), present, shown, done)
    done.parent_run_id = str(parent.info.run_id)
    front, reruns = snapshot.front(), {rerun.run.key: rerun for rerun in snapshot.reruns}
    for moved in front ^ shown.front:
        shown.sent.pop(moved, None)
    shown.front = front
    for run in watch([*snapshot.trials, *(rerun.run for rerun in snapshot.reruns)]):
        rerun = reruns.get(run.key)
        if shown.sent.get(run.key) != run:
            wanted = trial_run(snapshot, run, front) if rerun is None else rerun_run(snapshot, rerun)
            wanted.tags[PARENT_TAG] = done.parent_run_id
            _make_equal(client, wanted, _begin(client, wanted, present, shown, done), done)
            shown.sent[run.key] = run
        done.trials_done += rerun is None
        done.reruns_done += rerun is not None
    _make_equal(client, study_run(snapshot, _best_link(snapshot, shown, done.experiment_id)), parent, done)
    _describe(client, experiment_tags(snapshot), shown, done)


def _best_link(snapshot: StudySnapshot, shown: Shown, experiment: str) -> str:
    """The line of the note that leads to what is best: the refit where there is one, else the best trial, if any."""
    if shown.refit is not None:
        return refit_link(*shown.refit, experiment)
    best = snapshot.best()
    if best is None:
        return ""
    return best_link(f"trial {best.number:04d}, {snapshot.metric} {best.value:.4f}", shown.run_ids[best.key], experiment)


def _describe(client: MlflowClient, wanted: dict[str, str], shown: Shown, done: Projection) -> None:
    """Give the experiment its tags, when they are others than before."""
    if wanted == shown.experiment_tags:
        return
    present = client.get_experiment(done.experiment_id).tags
    for name, value in wanted.items():
        if present.get(name) != value:
            client.set_experiment_tag(done.experiment_id, name, value)
    shown.experiment_tags = wanted


def _left(snapshot: StudySnapshot, done: Projection) -> str:
    trials, reruns = len(snapshot.trials), len(snapshot.reruns)
    said = f"{trials - done.trials_done} of {trials} trials"
    return f"{said} and {reruns - done.reruns_done} of {reruns} reruns" if reruns else said


def _begin(client: MlflowClient, wanted: WantedRun, present: Mapping[str, Run], shown: Shown, done: Projection) -> Run:
    """The run as MLflow has it, created if it is missing."""
    known = shown.run_ids.get(wanted.key)
    run = present.get(wanted.key) if known is None else _active(client.get_run(known))
    if run is None:
        run = client.create_run(done.experiment_id, wanted.started, wanted.tags)
        done.created += 1
    shown.run_ids[wanted.key] = str(run.info.run_id)
    return run


def _present(client: MlflowClient, study_id: str, shown: Shown, done: Projection) -> dict[str, Run]:
    """Key → its run; of several with one key the one that received most stays, the others are deleted."""
    by_key: defaultdict[str, list[Run]] = defaultdict(list)
    for run in runs.search(client, done.experiment_id, f"tags.`{STUDY_TAG}` = '{study_id}'"):
        if run.data.tags.get(KIND_TAG) in _KINDS:
            by_key[run.data.tags[TRIAL_TAG]].append(run)
        elif run.data.tags.get(KIND_TAG) == "refit" and shown.refit is None:  # the latest comes first
            shown.refit = (run.data.tags[TRIAL_TAG], str(run.info.run_id))
    done.ghosts_deleted += sum(len(same) - 1 for same in by_key.values())
    return {key: runs.keep_one(client, same) for key, same in by_key.items()}


def _active(run: Run) -> Run | None:
    return run if run.info.lifecycle_stage == "active" else None  # somebody deleted it


def _make_equal(client: MlflowClient, wanted: WantedRun, run: Run, done: Projection) -> None:
    changed, epochs = runs.make_equal(client, run, wanted)
    done.updated += changed
    done.epochs_sent += epochs
