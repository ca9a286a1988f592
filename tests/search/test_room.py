"""A trial that finds too little memory beside others is handed out again where there is more room; the sampler hears nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import deque
from pathlib import Path
from typing import Any

import pytest
from ray.tune.execution.placement_groups import resource_dict_to_pg_factory
from ray.tune.experiment import Trial

from pipeline.search.conductor import Conductor
from pipeline.search.messages import Assignment, Message, TrialData
from pipeline.search.resources import Resources
from pipeline.search.room import Room
from pipeline.search.trial import run_trial
from pipeline.search.tuner import StudyScheduler, StudySearcher
from pipeline.search.worker import MESSAGE
from pipeline.study import store
from pipeline.training.fit import Training
from pipeline.training.out_of_memory import OutOfMemory
from tests.search.driving import FIRST, SECOND, SPACE, STUDY, Search, nobody_hangs
from tests.training.samples import noise

GIB, REPOSITORY = 2**30, Path(__file__).parents[2]


class Trials:
    """What the scheduler reads and changes of a trial of Ray Tune."""

    def __init__(self, assignment: Assignment, asked: dict[str, float]) -> None:
        self.config: dict[str, Any] = assignment.record()
        self.placement_group_factory = resource_dict_to_pg_factory(asked)

    update_resources = Trial.update_resources
    status, invalidate_json_state = Trial.PENDING, staticmethod(lambda: None)

    @property
    def gpus(self) -> float:
        return float(self.placement_group_factory.required_resources["GPU"])


def four_on_each_of_two() -> tuple[Room, list[str]]:
    told: list[str] = []
    return Room(Resources(1, 0.25, 8), gpus=2, memory=24 * GIB, tell=told.append), told


def test_fewer_share_a_gpu_once_one_finds_too_little_memory() -> None:
    room, told = four_on_each_of_two()
    assert (room.slots, room.trials_a_gpu, room.asked(4)) == (8, 4, {"cpu": 1.0, "gpu": 0.25})
    room.too_little(4, 5 * GIB)
    assert (room.slots, room.trials_a_gpu, room.asked(3)) == (6, 3, {"cpu": 1.0, "gpu": 0.3333})
    room.too_little(4, 20 * GIB)  # began with four, and is handed out again where three are
    assert room.trials_a_gpu == 3
    room.too_little(3, 20 * GIB)
    assert (room.slots, room.trials_a_gpu, room.asked(1)) == (2, 1, {"cpu": 1.0, "gpu": 1.0})
    assert told == [
        f"a trial found too little memory beside others: from now on {n} share a GPU, not {m}" for n, m in ((3, 4), (1, 3))
    ]


@pytest.fixture
def conductor(tmp_path: Path) -> Conductor:
    conductor = Search(tmp_path, SPACE).conductor()
    assert conductor.next() is not None and conductor.next() is not None
    return conductor


def test_a_crowded_trial_goes_on_with_a_larger_share_and_stays_the_same_trial(conductor: Conductor, tmp_path: Path) -> None:
    room, _ = four_on_each_of_two()
    dropped: deque[dict[str, Any]] = deque()
    scheduler = StudyScheduler(conductor, dropped, room, nobody_hangs())  # type: ignore[arg-type]
    searcher = StudySearcher(conductor, lambda trial: pytest.fail("nothing new"), room, dropped)  # type: ignore[arg-type]
    begun = [Assignment(key, "cnn", {}, 0, str(tmp_path), 1, "cuda", trials_a_gpu=4) for key in (FIRST, SECOND)]
    for assignment in begun:
        trial: Any = Trials(assignment, room.asked(4))
        message = Message(assignment.trial_key, crowded=9 * GIB)
        assert scheduler.on_trial_result(None, trial, {MESSAGE: message}) == "STOP"
    for assignment in begun:
        again = searcher.suggest("some trial of Ray Tune")
        assert isinstance(again, dict) and again == assignment.record() | {"trials_a_gpu": 2}
        trial = Trials(Assignment(**again), room.asked(4))
        scheduler.on_trial_add(None, trial)
        assert trial.gpus == 0.5
    assert conductor.live == 2


def test_beside_others_a_worker_says_so_and_alone_it_takes_the_batch_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = Training.fit

    def with_little_memory(training: Training, *data: Any) -> Any:
        if (training.images_at_a_time or 16) > 8:
            raise OutOfMemory(3 * GIB, 16)
        return fit(training, *data)

    monkeypatch.setattr(Training, "fit", with_little_memory)
    train, recipe = noise(32)
    small = {"train.epochs": 1, "train.batch_size": 16, "model.num_conv_layers": 1, "model.filters": 2}
    shared = Assignment(FIRST, "cnn", small, 5, str(tmp_path), 1, "cpu", trials_a_gpu=2)
    (crowded,) = run_trial(shared, TrialData(recipe, train, train))
    assert (crowded.end, crowded.crowded) == ("", 3 * GIB)
    (alone,) = run_trial(shared.with_more_room(1), TrialData(recipe, train, train))
    assert (alone.end, len(alone.epochs)) == ("", 1) and alone.note.startswith("for want of memory 8 images at a time")


@pytest.mark.campaign
def test_ray_gives_the_trials_that_were_crowded_and_those_after_them_a_larger_share(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.search.crowded_ray", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=240, check=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("[")]
    heard: dict[str, list[tuple[list[int], float]]] = {}
    for key, epochs, share in map(json.loads, lines):
        heard.setdefault(key, []).append((epochs, share))
    assert "from now on 2 share a GPU, not 4" in done.stdout
    for key in ("0001", "0002"):
        assert heard[key][0] == ([], 0.25) and heard[key][1] == ([1], 0.5)  # from its checkpoint
    assert {share for _, share in heard["0004"]} == {0.5}
    snapshot = store.read(f"sqlite:///{tmp_path / 'studies.db'}", STUDY)
    assert [trial.state for trial in snapshot.trials] == ["completed"] * 5
