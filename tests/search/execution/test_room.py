"""A trial that finds too little memory beside others is handed out again where there is more room; the sampler hears nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import deque
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from ray.tune.execution.placement_groups import PlacementGroupFactory
from ray.tune.experiment import Trial

from pipeline.search.execution.allotment import Share
from pipeline.search.execution.messages import Assignment, Message, TrialData
from pipeline.search.execution.packing import Packing
from pipeline.search.execution.pools import TYPE_LABEL, Pool
from pipeline.search.execution.resources import Node, Resources
from pipeline.search.execution.room import Request, Room
from pipeline.search.execution.trial import run_trial
from pipeline.search.execution.tuner import StudyScheduler, StudySearcher
from pipeline.search.execution.worker import MESSAGE
from pipeline.search.phases import Phases
from pipeline.study import store
from pipeline.training.fit import Training
from pipeline.training.out_of_memory import OutOfMemory
from tests import repository
from tests.repository import REPOSITORY
from tests.search.driving import FIRST, SPACE, STUDY, Search, nobody_hangs
from tests.training.samples import noise

GIB = 2**30


class Trials:
    """What the scheduler reads and changes of a trial of Ray Tune."""

    def __init__(self, assignment: Assignment, asked: Request) -> None:
        self.config: dict[str, Any] = assignment.record()
        self.placement_group_factory = PlacementGroupFactory([dict(asked.amounts)])

    update_resources = Trial.update_resources
    status, invalidate_json_state = Trial.PENDING, staticmethod(lambda: None)

    @property
    def gpus(self) -> float:
        return float(self.placement_group_factory.required_resources["GPU"])


def pool(gpu_type: str, node: Node, trials_a_gpu: int = 1, labels: dict[str, str] | None = None) -> Share:
    """Of one node, on whose GPUs so many trials share each."""
    gpus = Packing(trials_a_gpu).share if node.gpus else 0
    return Share(Resources(1, gpus, node.trials(1, gpus)), Pool(gpu_type, (node,), labels or {}))


def four_on_each_of_two() -> tuple[Room, list[str]]:
    told: list[str] = []
    shares = [pool("", Node(8, 2, 24 * GIB), 4)]
    return Room(lambda: shares, told.append), told


def trial(number: int, trials_a_gpu: int = 1, **place: Any) -> Assignment:
    return Assignment(f"{STUDY[:8]}-{number:04d}", "cnn", {}, 0, "", 1, "cuda", trials_a_gpu=trials_a_gpu, **place)


def test_fewer_share_a_gpu_once_one_finds_too_little_memory() -> None:
    room, told = four_on_each_of_two()
    first = room.place(trial(0))
    assert (room.slots, first.trials_a_gpu, room.request(first)) == (8, 4, Request({"CPU": 1.0, "GPU": 0.25}))
    again = room.too_little(first, 5 * GIB)
    assert (room.slots, again.trials_a_gpu, room.request(again)) == (6, 3, Request({"CPU": 1.0, "GPU": 0.3333}))
    assert room.too_little(first, 20 * GIB).trials_a_gpu == 3  # began with four, and is handed out again where three are
    alone = room.too_little(again, 20 * GIB)
    assert (room.slots, alone.trials_a_gpu, room.request(alone)) == (2, 1, Request({"CPU": 1.0, "GPU": 1.0}))
    assert not alone.may_be_crowded
    assert told == [
        f"a trial found too little memory beside others: from now on {n} share a GPU, not {m}" for n, m in ((3, 4), (1, 3))
    ]


LARGE, SMALL = {TYPE_LABEL: "A100"}, {TYPE_LABEL: "T4"}


@dataclass
class Mixed:
    """A cluster whose nodes come and go: four trials share an A100, two a T4."""

    told: list[str] = field(default_factory=list)
    shares: list[Share] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.shares += [pool("A100", Node(8, 1, 80 * GIB), 4, LARGE), pool("T4", Node(8, 1, 16 * GIB), 2, SMALL)]
        self.room = Room(lambda: self.shares, self.told.append, on_this_machine=False)

    def full(self, *placed: Assignment) -> bool:
        return self.room.full([one.trial_key for one in placed])


def test_room_is_that_of_all_pools_and_each_trial_gets_the_share_of_its_own() -> None:
    mixed = Mixed()
    placed = [mixed.room.place(trial(number)) for number in range(6)]
    assert [one.pool for one in placed] == ["A100"] * 4 + ["T4"] * 2
    assert mixed.room.request(placed[0]) == Request({"CPU": 1, "GPU": 0.25}, LARGE)
    assert mixed.room.request(placed[5]) == Request({"CPU": 1, "GPU": 0.5}, SMALL)
    assert (mixed.room.slots, mixed.full(*placed), mixed.full(*placed[1:])) == (6, True, False)
    assert mixed.room.place(trial(6)).pool == "A100"  # where the first was


def test_memory_that_runs_out_on_a_type_lowers_that_alone() -> None:
    mixed = Mixed()
    placed = [mixed.room.place(trial(number)) for number in range(5)]
    again = mixed.room.too_little(placed[4], 9 * GIB)
    assert (again.pool, again.trials_a_gpu, again.larger) == ("T4", 1, True)
    assert mixed.room.slots == 5 and mixed.room.place(trial(0, pool="A100")).trials_a_gpu == 4
    assert mixed.told == ["a trial found too little memory beside others: from now on 1 share a GPU of type T4, not 2"]


def test_a_trial_for_which_a_gpu_is_too_small_goes_on_where_there_is_more_memory_and_only_there_in_parts() -> None:
    mixed = Mixed()
    small = mixed.room.place(trial(0, pool="T4"))
    assert small.larger and small.may_be_crowded
    large = mixed.room.too_little(small, 30 * GIB)
    assert (large.pool, large.larger, mixed.told) == ("A100", False, [])  # no reason to lower what is large enough for others
    alone = mixed.room.too_little(mixed.room.place(trial(1, pool="T4")), 1)  # nobody knows how much it needs
    assert (alone.pool, alone.trials_a_gpu, alone.may_be_crowded) == ("T4", 1, True)
    assert mixed.room.too_little(alone, 1).pool == "A100"
    del mixed.shares[0]
    left = mixed.room.too_little(alone, 1)
    assert (left.pool, left.may_be_crowded) == ("T4", False)


def test_a_trial_whose_node_is_lost_goes_on_on_any_type() -> None:
    mixed = Mixed()
    placed = [mixed.room.place(trial(number)) for number in range(3)]
    mixed.shares[0] = Share(mixed.shares[0].resources, Pool("A100", (), LARGE))
    assert [mixed.room.place(one).pool for one in placed[:2]] == ["T4", "T4"]
    del mixed.shares[0]
    assert mixed.room.place(placed[2]).pool == "T4"  # where it waits for one of the others


def test_a_trial_waits_in_vain_where_there_is_no_room_as_long_as_there_is_some_elsewhere() -> None:
    mixed = Mixed()
    placed = [mixed.room.place(trial(number)) for number in range(5)]
    assert not any(map(mixed.room.waits_in_vain, placed))
    del mixed.shares[0]
    assert [mixed.room.waits_in_vain(one) for one in placed] == [True] * 4 + [False]
    moved = [mixed.room.place(one) for one in placed[:4]]
    assert [one.pool for one in moved] == ["T4"] * 4 and not any(map(mixed.room.waits_in_vain, moved))
    mixed.shares.clear()
    assert not any(map(mixed.room.waits_in_vain, moved))  # nowhere to go
    mixed.shares.append(pool("L4", Node(8, 1, 24 * GIB), 1, {TYPE_LABEL: "L4"}))
    assert mixed.room.waits_in_vain(moved[0]) and mixed.room.place(moved[0]).pool == "L4"


@pytest.fixture
def phases(tmp_path: Path) -> Phases:
    phases = Phases(Search(tmp_path, SPACE).conductor(), dict, None)
    assert phases.next() is not None and phases.next() is not None
    return phases


def test_a_crowded_trial_goes_on_with_a_larger_share_and_stays_the_same_trial(phases: Phases) -> None:
    room, _ = four_on_each_of_two()
    dropped: deque[dict[str, Any]] = deque()
    scheduler = StudyScheduler(phases, dropped, room, nobody_hangs())
    searcher = StudySearcher(phases, lambda trial: pytest.fail("nothing new"), room, dropped)
    begun = [room.place(trial(number)) for number in (0, 1)]
    for assignment in begun:
        of_tune: Any = Trials(assignment, room.request(assignment))
        message = Message(assignment.trial_key, crowded=9 * GIB)
        assert scheduler.on_trial_result(None, of_tune, {MESSAGE: message}) == "STOP"
    for assignment in begun:
        again = searcher.suggest("some trial of Ray Tune")
        assert isinstance(again, dict) and again == assignment.record() | {"trials_a_gpu": 2}
        of_tune = Trials(Assignment(**again), room.request(assignment))
        scheduler.on_trial_add(None, of_tune)
        assert of_tune.gpus == 0.5
    assert phases.live == 2


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
    (alone,) = run_trial(replace(shared, trials_a_gpu=1), TrialData(recipe, train, train))
    assert (alone.end, len(alone.epochs)) == ("", 1) and alone.note.startswith("for want of memory 8 images at a time")


@pytest.mark.campaign
def test_ray_gives_the_trials_that_were_crowded_and_those_after_them_a_larger_share(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.search.execution.crowded_ray", str(tmp_path)]
    environment = repository.environment()
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


@pytest.mark.campaign
def test_trials_that_wait_for_nodes_of_which_none_is_left_are_trained_on_others(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.search.execution.vanishing_nodes", str(tmp_path)]
    environment = repository.environment()
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=120, check=True)
    heard = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    assert {key for key, _ in heard} == {f"{number:04d}" for number in range(6)}
    assert {pool for _, pool in heard} == {""}
    snapshot = store.read(f"sqlite:///{tmp_path / 'studies.db'}", STUDY)
    assert [trial.state for trial in snapshot.trials] == ["completed"] * 6
