"""A whole search: from a checked space and packed data to a study whose budget is spent."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

from pipeline import layout
from pipeline.cluster.settings import ClusterParams
from pipeline.data.preparation import packed
from pipeline.data.preparation.recipe import Recipe
from pipeline.errors import Interrupted
from pipeline.search import candidates, decisions, feasibility, identity, live, warm_start
from pipeline.search import lock as locking
from pipeline.search.execution import checkpoints
from pipeline.search.execution.allotment import Sharing
from pipeline.search.execution.hangs import Hangs
from pipeline.search.execution.messages import Assignment, TrialData
from pipeline.search.execution.moved import note
from pipeline.search.execution.workplace import Workplace, workplace
from pipeline.search.failures import none_finished
from pipeline.search.interruption import EXIT_CODES, Asked, interruptible
from pipeline.search.lock import owner, study_lock
from pipeline.search.orphan import parents_to_watch
from pipeline.search.phases import Phases
from pipeline.search.settings import SearchParams
from pipeline.search.spaces.space import Space
from pipeline.search.standing import Standing, stand
from pipeline.search.watchdog import Watchdog, leave
from pipeline.study import store, studies
from pipeline.study.claim import claimed
from pipeline.study.records import Rerun, StudyRow, StudySnapshot, TrialRecord
from pipeline.tracking.follow import Followed, follow


@dataclass(frozen=True)
class Setting:
    """Where a search keeps its state, study and data, where MLflow is, what is told about the study, and where trials run."""

    state: Path
    database: str  # the address of that of the study
    data: Path  # data/processed
    tracking_uri: str
    facts: Mapping[str, str]
    cluster: ClusterParams = field(default_factory=ClusterParams)


def search(
    params: SearchParams, space: Space, recipe: Recipe, setting: Setting, idle: Callable[[], object] | None = None
) -> StudySnapshot:
    """Continue the study, or begin it, until its budget is spent and its best are trained again; the same call goes on.

    `idle()` is called at most once, when a worker has nothing more to do while others train the last trials.
    Raises StudyBusy while another process searches on it, Interrupted when asked to stop, StudyUnreachable when the database
    is away for too long, DiskError when it finds no room, StudyLost when it was deleted, SearchFailed when it cannot go on or
    nothing was found.
    """
    watched = parents_to_watch()  # first of all: whoever starts us may be gone a moment later
    folds = candidates.fold_count(params.reselect, recipe, setting.data)
    row = identity.new_study(params, space, recipe, setting.facts)
    folder = setting.state / "studies" / row.study_id
    url = setting.database
    with study_lock(folder / "lock", watched), claimed(url, row.study_id, owner(watched)) as claim:
        data = _data(recipe, setting.data)
        asked = Asked()
        sharing = Sharing(params, space, recipe, lambda: _trials(url, row.study_id), setting.cluster.wanted_gpus(os.environ))
        place = workplace(setting.cluster, folder, sharing, data, asked.stop)
        with interruptible(asked.stop, watched), place.ray as ray:
            if not studies.finished(url, row.study_id):
                # On a cluster before anything is written: who is refused leaves nothing behind.
                ray.ready(lambda: not asked.why) if place.is_cluster else ray.start()
            study, before = store.create(url, row, claim)
            _announce(study, before, row)
            if not study.snapshot().trials:
                checkpoints.delete_all(place.place)  # of a study that was deleted, whose trials had the same keys
            space = _warmed(space, url, study.row, params.warm_start)
            conductor = decisions.conductor(params, space, recipe, study, lambda ahead: ahead.write(folder))

            def planned() -> list[Rerun]:
                within = feasibility.within(study.snapshot(), space, recipe, params.limits)
                return candidates.plan(within, params.reselect, params.seed, folds)

            phases = decisions.phases(conductor, params, study, planned, setting.facts, idle)
            asked.tell(phases.stop)
            follower = follow(store.reader(url, row.study_id), setting.tracking_uri, params.experiment)
            try:
                if not phases.exhausted():
                    with live.view(_looking(store.reader(url, row.study_id), folder)):
                        _train(phases, params, space, folder, place, layout.log(setting.state))
            finally:
                ray.stop()  # while MLflow gets the rest
                phases.close()
                study.settle()
                _say_what_is_left(follower.stop())
            snapshot = study.snapshot()
            checkpoints.delete(place.place, candidates.trained_no_more(snapshot, planned()))
            study.close()
    _raise_what_ended_it(phases)
    print(f"the search ended after {conductor.spent}")
    if snapshot.best() is None and not candidates.candidates(snapshot, params.reselect):
        raise none_finished(snapshot, conductor.budget)
    return snapshot


def _announce(study: store.Study, before: StudyRow | None, row: StudyRow) -> None:
    known = len(study.snapshot().trials)
    if known:
        print(f"study {row.study_id} goes on with {known} trials so far")
    elif before is not None:
        differing = ", ".join(identity.differences(before.identity, row.identity))
        print(f"study {row.study_id} is new; other than {before.study_id}: {differing}")
    else:
        print(f"study {row.study_id} begins")


def _warmed(space: Space, url: str, row: StudyRow, count: int) -> Space:
    earlier = warm_start.earlier_best(url, row, space, count)
    for one in earlier:
        print(f"added to the first points: {one}")
    return warm_start.with_first_points(space, earlier)


def _looking(snapshot: Callable[[], StudySnapshot], folder: Path) -> Callable[[], Standing]:
    return lambda: stand(snapshot(), folder, locking.holder(folder / "lock"))


def _train(phases: Phases, params: SearchParams, space: Space, folder: Path, place: Workplace, log: Path) -> None:
    from pipeline.search.execution import ray_board  # takes seconds, during which Ray starts
    from pipeline.search.execution.tuner import train_all

    if not place.ray.ready(lambda: not phases.over):
        return
    share, attempts = place.share(), place.attempts()
    room = place.room()
    device: Literal["cpu", "cuda"] = "cuda" if share.resources.gpus else "cpu"

    def assign(trial: TrialRecord) -> Assignment:
        rerun = phases.rerun(trial.key)
        return Assignment(
            trial.key,
            space.family_of(trial.hyperparameters),
            trial.hyperparameters,
            trial.seed,
            place.place,
            share.resources.threads,
            device,
            rerun=rerun is not None,
            fold=rerun.fold if rerun else None,
            measures_latency=params.measures_latency and rerun is None and "latency_ms" not in trial.costs,
            devices=max(1, int(share.resources.gpus)),
            attempt=next(attempts),
            code=place.code,
        )

    hangs = Hangs(60 * params.stall_minutes, ray_board.read)
    with Watchdog(partial(leave, log)) as watchdog:
        train_all(phases, assign, place.data, room, folder / "ray", hangs, attempts, watchdog.tick)
    if not (phases.stopped_by or phases.failure) and (moved := place.moved()) is not None:
        print(moved.line())
        note(folder, moved)


def _trials(url: str, study_id: str) -> tuple[TrialRecord, ...]:
    """Those of this study that there are before it goes on."""
    return store.read(url, study_id).trials if studies.known(url, study_id) else ()


def _data(recipe: Recipe, folder: Path) -> TrialData:
    train, val = (packed.read(folder / split, recipe.digests[split]) for split in ("train", "val"))
    return TrialData(recipe, train, val)


def _say_what_is_left(followed: Followed) -> None:
    if followed.problem is not None:
        print(f"{followed.problem}\nThe study is complete without it; `convoy sync` sends the rest when MLflow is back.")


def _raise_what_ended_it(phases: Phases) -> None:
    if phases.failure is not None:
        raise phases.failure
    if phases.stopped_by:
        why = f"{phases.stopped_by}; finished trials and checkpoints are kept"
        code = EXIT_CODES[phases.stopped_by]
        raise Interrupted("the search", why=why, remedy="run the same command to go on", exit_code=code)
