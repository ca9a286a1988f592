"""Ray Tune as the executor: it asks the phases of a search for trials and brings them what the workers report."""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.tune.execution.placement_groups import PlacementGroupFactory
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher
from ray.tune.stopper import Stopper

from pipeline.search.execution import heartbeat, ray_board
from pipeline.search.execution.hangs import Hangs
from pipeline.search.execution.messages import Assignment, Message, TrialData
from pipeline.search.execution.room import Request, Room
from pipeline.search.execution.worker import MESSAGE, TrialWorker
from pipeline.search.execution.worker_deaths import WORKER_DEATHS, Death, MemoryKills, WorkerDeaths
from pipeline.search.phases import Phases
from pipeline.study.records import TrialRecord

_UNCOUNTED = repeat(0)  # on one machine no attempt outlives another
Config = dict[str, Any]  # an assignment, as Ray Tune passes it on


def train_all(
    phases: Phases,
    assign: Callable[[TrialRecord], Assignment],
    data: TrialData,
    room: Room,
    scratch: Path,
    hangs: Hangs,
    attempts: Iterator[int] = _UNCOUNTED,
    tick: Callable[[], None] = lambda: None,
) -> None:
    """Run the phases to their end, as many trials at once as there is room for; needs a Ray that is ready.

    `scratch` takes what Ray Tune insists on writing and nobody reads; it is emptied before and after. `hangs` finds the trials
    that get nowhere; `attempts` are the numbers of further attempts at trials whose worker died; `tick()` is called at each turn.
    """
    shutil.rmtree(scratch, ignore_errors=True)
    dropped: deque[Config] = deque()
    tuner = tune.Tuner(
        tune.with_resources(tune.with_parameters(TrialWorker, data=data), _placement(room.usual())),
        tune_config=tune.TuneConfig(
            num_samples=-1,
            search_alg=StudySearcher(phases, assign, room, dropped),
            scheduler=StudyScheduler(phases, dropped, room, hangs, attempts),
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(
            name="search",
            storage_path=str(scratch.resolve()),
            stop=StudyStopper(phases, tick),
            checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=0, checkpoint_at_end=False),
            failure_config=tune.FailureConfig(max_failures=WORKER_DEATHS),
            verbose=0,
        ),
    )
    tuner.fit()
    if not room.on_this_machine:
        ray_board.clear()
    shutil.rmtree(scratch, ignore_errors=True)


class _OfThisProcess:
    """Ray pickles searchers, schedulers and stoppers for its own restore, which is never used; what they hold stays here."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class StudySearcher(_OfThisProcess, Searcher):
    """Hands the trials of the phases to Ray Tune, as many at once as there is room for, and those that were dropped once more."""

    def __init__(self, phases: Phases, assign: Callable[[TrialRecord], Assignment], room: Room, dropped: deque[Config]) -> None:
        super().__init__()
        self._phases, self._assign, self._room, self._dropped = phases, assign, room, dropped

    def suggest(self, trial_id: str) -> Config | str | None:  # type: ignore[override]  # FINISHED is a text
        """The next assignment; None while there may be one later, FINISHED when there is nothing left to start."""
        if self._dropped:
            return self._dropped.popleft()
        live = self._phases.handed_out
        if self._room.full(live):
            self._room.wanted(live, more=lambda: not self._phases.exhausted())
            return None
        trial = self._phases.next()
        if trial is not None:
            return self._room.place(self._assign(trial)).record()
        self._room.wanted(live, more=lambda: False)
        if (self._phases.live or self._phases.behind) and not self._phases.over:
            return None  # a trial that still runs may put off the end, and the best are trained again when the last has ended
        finished: str = Searcher.FINISHED
        return finished

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Nothing to do: the scheduler has brought every result to the phases."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save: the study is the truth."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing to restore: the study is the truth."""


class StudyScheduler(_OfThisProcess, FIFOScheduler):
    """Brings every message to the phases and stops the trials they are done with."""

    def __init__(
        self, phases: Phases, dropped: deque[Config], room: Room, hangs: Hangs, attempts: Iterator[int] = _UNCOUNTED
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._phases, self._dropped, self._room, self._hangs, self._attempts = phases, dropped, room, hangs, attempts
        self._deaths = WorkerDeaths(MemoryKills() if room.on_this_machine else MemoryKills(None))

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """Ask Ray for what it needs where it is to train."""
        self._ask(trial)

    def choose_trial_to_run(self, tune_controller: Any) -> None:
        """None before others: the worker of a trial that ended would go to the first whose own is on its way, and that one end.

        So where trials are shorter than the start of a worker there would never be more workers than a few. Ray Tune asks at
        every turn, whatever its workers do: the time to end those that hang, and to call those back that wait in vain.
        """
        if self._hangs.due:
            self._end_those_that_hang(tune_controller.get_live_trials())
        if not self._room.alike:
            self._call_back(tune_controller._tune_controller)

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Continue or stop, as the phases say; they hear nothing of a trial that is to go on where there is more room."""
        message: Message = result[MESSAGE]
        self._deaths.heard(message.trial_key)
        self._hangs.heard(_attempt(trial))
        if message.crowded:
            self._dropped.append(self._room.too_little(Assignment(**trial.config), message.crowded).record())
        decision: str = TrialScheduler.CONTINUE
        if message.crowded or self._phases.heard(message):
            decision = TrialScheduler.STOP
        return decision

    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
        """A worker died: its trial is retried, with fewer images at a time if memory was short, and given up after the last.

        Of a worker that dies while it takes up another trial Ray Tune speaks twice, and drops that trial.
        """
        if self._no_longer_taken_up(tune_controller, trial) and trial.status == Trial.ERROR:
            return
        death = self._deaths.add(trial.config["trial_key"], _latest_error(trial))
        trial.max_failures += death.of_its_node
        if death.given_up:
            self._give_up(trial.config["trial_key"], death)
            return
        again = self._room.place(replace(Assignment(**trial.config), attempt=next(self._attempts)))
        trial.config.update((again.with_less_memory() if death.for_memory else again).record())
        if trial.status == Trial.ERROR:
            self._ask(trial)  # before Ray Tune notes by this for what it waits
        else:
            self._dropped.append(trial.config)

    def _ask(self, trial: Trial) -> None:
        wanted = _placement(self._room.request(Assignment(**trial.config)))
        if trial.placement_group_factory != wanted:
            trial.update_resources(wanted)

    def _call_back(self, controller: Any) -> None:
        """Trials that wait for Ray where there is no room for them go where there is; Ray Tune knows them no longer."""
        waiting = [one for one in controller.get_live_trials() if one.status == Trial.PENDING]
        for trial in (one for one in waiting if one not in controller._resetting_trials):
            assignment = Assignment(**trial.config)
            if self._room.waits_in_vain(assignment):
                self._dropped.append(self._room.place(replace(assignment, attempt=next(self._attempts))).record())
                if trial in controller._staged_trials:  # else it would keep a place among those for whom workers are kept
                    controller._unstage_trial_with_resources(trial)
                controller.stop_trial(trial)

    @staticmethod
    def _no_longer_taken_up(tune_controller: Any, trial: Trial) -> bool:
        """Let Ray Tune wait no longer for a worker to take the trial up, which it would for ever; whether it waited."""
        waited_for: set[Trial] = tune_controller._resetting_trials
        if trial not in waited_for:
            return False
        waited_for.remove(trial)
        return True

    def _give_up(self, key: str, death: Death) -> None:
        if death.for_memory:
            self._phases.heard(Message(key, end="out_of_memory", reason=death.given_up))
        else:
            self._phases.lost(key, death.given_up)

    def _end_those_that_hang(self, trials: Iterable[Trial]) -> None:
        """By ending their workers, which Ray then tells of as of any that died."""
        workers = {_attempt(trial): worker for trial in trials if (worker := trial.temporary_state.ray_actor) is not None}
        for hang in self._hangs.look(workers):
            print(f"trial {hang.trial_key} {hang}: its worker is ended")
            self._deaths.hung(hang)
            ray.kill(workers[hang.name])


def _attempt(trial: Trial) -> str:
    return heartbeat.name(trial.config["trial_key"], trial.config["attempt"])


def _placement(request: Request) -> PlacementGroupFactory:
    selected: dict[str, Any] = {"bundle_label_selector": [dict(request.labels)]} if request.labels else {}
    return PlacementGroupFactory([dict(request.amounts)], **selected)


def _latest_error(trial: Trial) -> str:
    """What Ray says of the latest failure: from the file here, since what get_error reads is written later."""
    return Path(trial.error_file).read_text(encoding="utf-8").rpartition("Failure #")[2]


class StudyStopper(_OfThisProcess, Stopper):
    """Ends the whole search when its phases are over."""

    def __init__(self, phases: Phases, tick: Callable[[], None]) -> None:
        self._phases, self._tick = phases, tick

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Single trials are the scheduler's business."""
        return False

    def stop_all(self) -> bool:
        """Whether everything that runs is to stop now; Ray Tune asks at every turn."""
        self._tick()
        return self._phases.over
