"""What is done when a worker dies, by what killed it: the text of Ray, or the kernel's count."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
import pytest

from pipeline.search.conductor import Conductor
from pipeline.search.messages import Assignment
from pipeline.search.trial import run_trial
from pipeline.search.tuner import WORKER_DEATHS, StudyScheduler
from pipeline.search.worker_deaths import MemoryKills
from tests.search.driving import FIRST, SPACE, STUDY, Search

CRASH = "Failure # 1 (occurred at …)\nThe actor died unexpectedly before finishing this task.\n"
BY_RAY = (
    "Failure # 2 (occurred at …)\n1 worker(s) were killed due to the node running low on memory. Memory on the node (…) was "
    "1.30GB used / 23.54GB limit (0.055213)\n…\nRay killed 1 worker(s) based on the killing policy\n"
)


@dataclass
class Dying:
    """What the scheduler reads of a trial of Ray Tune."""

    config: dict[str, Any]
    error_file: str
    num_failures: int = 0
    images: list[int | None] = field(default_factory=list)


@pytest.fixture
def conductor(tmp_path: Path) -> Conductor:
    search = Search(tmp_path, SPACE)
    conductor = search.conductor()
    assert conductor.next() is not None
    return conductor


def die(conductor: Conductor, folder: Path, errors: list[str], batch_size: int = 64) -> Dying:
    """A trial whose worker dies once for each text."""
    assignment = Assignment(FIRST, "cnn", {"train.batch_size": batch_size}, 0, str(folder), 1, "cpu")
    trial, scheduler = Dying(assignment.record(), str(folder / "error.txt")), StudyScheduler(conductor)
    for error in errors:
        trial.num_failures += 1
        with Path(trial.error_file).open("a") as file:
            file.write(error)
        scheduler.on_trial_error(None, trial)  # type: ignore[arg-type]
        trial.images.append(trial.config["images_at_a_time"])
    return trial


def told(folder: Path) -> optuna.trial.FrozenTrial:
    return optuna.load_study(study_name=STUDY, storage=f"sqlite:///{folder / 'studies.db'}").get_trials()[0]


def test_a_worker_that_dies_is_retried_and_the_sampler_hears_nothing_of_it(conductor: Conductor, tmp_path: Path) -> None:
    trial = die(conductor, tmp_path, [CRASH] * WORKER_DEATHS)
    assert trial.images == [None] * WORKER_DEATHS and conductor.live == 1
    assert (told(tmp_path).state.name, told(tmp_path).constraints) == ("RUNNING", {})


def test_after_the_last_retry_it_is_a_failure(conductor: Conductor, tmp_path: Path) -> None:
    die(conductor, tmp_path, [CRASH] * (WORKER_DEATHS + 1))
    assert conductor.live == 0
    assert (told(tmp_path).state.name, told(tmp_path).user_attrs["outcome"]["state"]) == ("FAIL", "failed")


def test_killed_for_want_of_memory_it_is_retried_with_fewer_images_at_a_time_and_then_is_no_failure(
    conductor: Conductor, tmp_path: Path
) -> None:
    trial = die(conductor, tmp_path, [BY_RAY] * (WORKER_DEATHS + 1))
    assert trial.images == [32, 16, 8, 8]
    assert (told(tmp_path).state.name, told(tmp_path).constraints) == ("PRUNED", {"out_of_memory": 1.0})
    assert told(tmp_path).user_attrs["outcome"]["reason"] == "its worker was killed for want of memory 4 times"


def test_only_the_latest_death_is_judged(conductor: Conductor, tmp_path: Path) -> None:
    assert die(conductor, tmp_path, [BY_RAY, CRASH]).images == [32, 32]


def test_with_too_few_images_to_halve_the_trial_ends_before_it_trains(conductor: Conductor, tmp_path: Path) -> None:
    trial = die(conductor, tmp_path, [BY_RAY, BY_RAY], batch_size=8)
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
