"""What is done when a worker dies, by what killed it: the text of Ray, or the kernel's count."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import optuna
import pytest
from ray.tune.execution.placement_groups import PlacementGroupFactory
from ray.tune.experiment import Trial

from pipeline.search.execution.allotment import Share
from pipeline.search.execution.messages import Assignment
from pipeline.search.execution.pools import Pool
from pipeline.search.execution.resources import Node, Resources
from pipeline.search.execution.room import Room
from pipeline.search.execution.trial import run_trial
from pipeline.search.execution.tuner import StudyScheduler, StudySearcher
from pipeline.search.execution.worker_deaths import NODES_LOST, WORKER_DEATHS, MemoryKills
from pipeline.search.phases import Phases
from tests.search.driving import FIRST, SPACE, STUDY, Search, nobody_hangs

SHARES = [Share(Resources(1, 0, 1), Pool(nodes=(Node(1),)))]
ALONE = Room(lambda: SHARES)
CRASH = "Failure # 1 (occurred at …)\nThe actor died unexpectedly before finishing this task.\n"
WITH_ITS_NODE = [
    "Failure # 1 (occurred at …)\nThe actor died unexpectedly before finishing this task.\n…\n"
    "The actor died because its node has died. Node Id: …\n\tthe actor's node was terminated unexpectedly: health check failed\n",
    "Failure # 1 (occurred at …)\nThe actor … is unavailable: The actor is temporarily unavailable: RpcError: RPC error: …\n",
]
BY_RAY = (
    "Failure # 2 (occurred at …)\n1 worker(s) were killed due to the node running low on memory. Memory on the node (…) was "
    "1.30GB used / 23.54GB limit (0.055213)\n…\nRay killed 1 worker(s) based on the killing policy\n"
)


@dataclass(eq=False)
class Dying:
    """What the scheduler reads of a trial of Ray Tune."""

    config: dict[str, Any]
    error_file: str
    status: str = Trial.ERROR
    images: list[int | None] = field(default_factory=list)
    max_failures: int = WORKER_DEATHS
    placement_group_factory: PlacementGroupFactory = field(default_factory=lambda: PlacementGroupFactory([{"CPU": 1}]))


@dataclass
class Controller:
    """What the scheduler changes of Ray Tune itself: the trials of which it believes that a worker takes them up."""

    _resetting_trials: set[Any] = field(default_factory=set)


@pytest.fixture
def phases(tmp_path: Path) -> Phases:
    phases = Phases(Search(tmp_path, SPACE).conductor(), dict, None)
    assert phases.next() is not None
    return phases


def die(
    phases: Phases, folder: Path, errors: list[str], batch_size: int = 64, dropped: deque[dict[str, Any]] | None = None
) -> Dying:
    """A trial whose worker dies once for each text; before it took the trial up, if `dropped` is to take what Ray Tune drops."""
    assignment = Assignment(FIRST, "cnn", {"train.batch_size": batch_size}, 0, str(folder), 1, "cpu")
    status = Trial.ERROR if dropped is None else Trial.PENDING
    trial = Dying(assignment.record(), str(folder / "error.txt"), status)
    scheduler = StudyScheduler(phases, deque() if dropped is None else dropped, ALONE, nobody_hangs())
    for error in errors:
        with Path(trial.error_file).open("a") as file:
            file.write(error)
        scheduler.on_trial_error(Controller(), trial)  # type: ignore[arg-type]
        trial.images.append(trial.config["images_at_a_time"])
    return trial


def told(folder: Path) -> optuna.trial.FrozenTrial:
    return optuna.load_study(study_name=STUDY, storage=f"sqlite:///{folder / 'studies.db'}").get_trials()[0]


def test_a_worker_that_dies_is_retried_and_the_sampler_hears_nothing_of_it(phases: Phases, tmp_path: Path) -> None:
    trial = die(phases, tmp_path, [CRASH] * WORKER_DEATHS)
    assert trial.images == [None] * WORKER_DEATHS and phases.live == 1
    assert (told(tmp_path).state.name, told(tmp_path).constraints) == ("RUNNING", {})


def test_after_the_last_retry_it_is_a_failure(phases: Phases, tmp_path: Path) -> None:
    die(phases, tmp_path, [CRASH] * (WORKER_DEATHS + 1))
    assert phases.live == 0
    assert (told(tmp_path).state.name, told(tmp_path).user_attrs["outcome"]["state"]) == ("FAIL", "failed")


def test_given_up_after_errors_of_its_gpu_it_says_which_one(phases: Phases, tmp_path: Path) -> None:
    said = "CUDA error: uncorrectable ECC error encountered on NVIDIA H200, GPU-01234567-89ab-cdef-0123-456789abcdef"
    failed = (
        f"Failure # 1 (occurred at …)\nTraceback (most recent call last):\n…\npipeline.search.execution.gpu.GpuFailed: {said}\n"
    )
    die(phases, tmp_path, [failed] * (WORKER_DEATHS + 1))
    reason = told(tmp_path).user_attrs["outcome"]["reason"]
    assert reason == f"its worker process was ended 4 times, at last for this: {said}"


def test_killed_for_want_of_memory_it_is_retried_with_fewer_images_at_a_time_and_then_is_no_failure(
    phases: Phases, tmp_path: Path
) -> None:
    trial = die(phases, tmp_path, [BY_RAY] * (WORKER_DEATHS + 1))
    assert trial.images == [32, 16, 8, 8]
    assert (told(tmp_path).state.name, told(tmp_path).constraints) == ("PRUNED", {"out_of_memory": 1.0})
    assert told(tmp_path).user_attrs["outcome"]["reason"] == "its worker was killed for want of memory 4 times"


def test_a_trial_that_ray_tune_drops_is_handed_out_again_until_its_last_retry(phases: Phases, tmp_path: Path) -> None:
    dropped: deque[dict[str, Any]] = deque()
    trial = die(phases, tmp_path, [BY_RAY, *[CRASH] * WORKER_DEATHS], dropped=dropped)
    searcher = StudySearcher(phases, lambda trial: pytest.fail("nothing new"), ALONE, dropped)
    assert [searcher.suggest(str(number)) for number in range(WORKER_DEATHS)] == [trial.config] * WORKER_DEATHS
    assert trial.config["images_at_a_time"] == 32
    assert phases.live == 0 and told(tmp_path).user_attrs["outcome"]["state"] == "failed"


def test_a_death_of_which_ray_tune_speaks_twice_counts_once_and_is_not_waited_for(phases: Phases, tmp_path: Path) -> None:
    trial = Dying(Assignment(FIRST, "cnn", {}, 0, str(tmp_path), 1, "cpu").record(), str(tmp_path / "error.txt"))
    Path(trial.error_file).write_text(CRASH)
    dropped: deque[dict[str, Any]] = deque()
    scheduler = StudyScheduler(phases, dropped, ALONE, nobody_hangs())
    for deaths in range(1, WORKER_DEATHS + 1):
        controller = Controller({trial})
        for trial.status in (Trial.ERROR, Trial.PENDING):
            scheduler.on_trial_error(controller, trial)  # type: ignore[arg-type]
        assert not controller._resetting_trials and len(dropped) == deaths
    assert phases.live == 1


@pytest.mark.parametrize("error", WITH_ITS_NODE)
def test_a_node_that_goes_takes_its_trials_along_for_which_none_of_them_is_to_blame(
    phases: Phases, tmp_path: Path, error: str
) -> None:
    trial = die(phases, tmp_path, [error] * NODES_LOST + [CRASH] * WORKER_DEATHS)
    assert trial.max_failures == WORKER_DEATHS + NODES_LOST and phases.live == 1
    die(phases, tmp_path, [error] * (NODES_LOST + 1))
    assert told(tmp_path).user_attrs["outcome"]["reason"].startswith("11 nodes went away")


def test_each_attempt_after_a_death_has_a_number_of_its_own(phases: Phases, tmp_path: Path) -> None:
    trial = Dying(Assignment(FIRST, "cnn", {}, 0, str(tmp_path), 1, "cpu", attempt=7).record(), str(tmp_path / "error.txt"))
    scheduler = StudyScheduler(phases, deque(), ALONE, nobody_hangs(), count(8))
    numbers = []
    for error in (CRASH, WITH_ITS_NODE[0]):
        Path(trial.error_file).write_text(error)
        scheduler.on_trial_error(Controller(), trial)  # type: ignore[arg-type]
        numbers.append(trial.config["attempt"])
    assert numbers == [8, 9]


def test_on_a_cluster_the_kernel_of_this_machine_is_not_asked() -> None:
    assert not MemoryKills(None).explain(CRASH) and MemoryKills(None).explain(BY_RAY)


def test_only_the_latest_death_is_judged(phases: Phases, tmp_path: Path) -> None:
    assert die(phases, tmp_path, [BY_RAY, CRASH]).images == [32, 32]


def test_with_too_few_images_to_halve_the_trial_ends_before_it_trains(phases: Phases, tmp_path: Path) -> None:
    trial = die(phases, tmp_path, [BY_RAY, BY_RAY], batch_size=8)
    assert trial.images == [4, 0]
    (message,) = run_trial(Assignment(**trial.config), None)  # type: ignore[arg-type]  # there is nothing to read
    assert (message.end, message.epochs) == ("out_of_memory", [])


@pytest.mark.parametrize(("before", "after", "memory"), [(3, 3, False), (3, 4, True)])
def test_the_kernel_counts_what_it_kills(tmp_path: Path, before: int, after: int, memory: bool) -> None:
    counts = tmp_path / "vmstat"
    counts.write_text(f"nr_free_pages 12\noom_kill {before}\n")
    kills = MemoryKills(counts)
    counts.write_text(f"nr_free_pages 11\noom_kill {after}\n")
    assert kills.explain(CRASH) is memory
    assert not kills.explain(CRASH)


def test_without_a_count_only_ray_is_believed(tmp_path: Path) -> None:
    kills = MemoryKills(tmp_path / "nowhere")
    assert (kills.explain(CRASH), kills.explain(BY_RAY)) == (False, True)
