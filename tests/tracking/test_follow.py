"""The projection runs beside a search and outlives a tracking store that is away."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.study.records import StudySnapshot
from pipeline.tracking.follow import follow
from tests.tracking.studies import Runs, study, trial


def test_a_growing_study_is_shown_while_it_grows_and_complete_at_the_end(mlflow_uri: str, runs: Runs) -> None:
    now = [study(trial(0, "running", epochs=1))]
    follower = follow(lambda: now[0], mlflow_uri, "convoy", pause_seconds=0.05)
    _until(lambda: "abcdef01-0000" in runs.by_key())
    now[0] = study(trial(0), trial(1), finished=True)

    followed = follower.stop()

    assert followed.problem is None and followed.passes >= 2
    assert {run.info.status for run in runs.all()} == {"FINISHED"} and len(runs.all()) == 3


def test_a_store_that_comes_back_catches_up(mlflow_uri: str, runs: Runs) -> None:
    file = Path(mlflow_uri.removeprefix("sqlite:///"))
    away = file.parent.parent / "away"
    away.mkdir()
    follower = follow(lambda: study(trial(0)), f"sqlite:///{away}", "convoy", pause_seconds=0.05)
    time.sleep(0.3)
    away.rmdir()
    shutil.copy(file, away)

    followed = follower.stop()

    assert followed.problem is None and followed.passes >= 1
    assert sorted(Runs(f"sqlite:///{away}").by_key()) == ["abcdef01-0000", "abcdef0123456789"]


def test_a_store_that_stays_away_is_reported_at_the_end_with_what_is_left(tmp_path: Path) -> None:
    followed = follow(lambda: study(trial(0)), f"sqlite:///{tmp_path}", "convoy", pause_seconds=0.01).stop()

    assert followed.passes == 0
    assert "1 of 1 trials left to sync" in str(followed.problem)


def test_a_bug_is_not_swallowed(mlflow_uri: str) -> None:
    def broken() -> StudySnapshot:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        follow(broken, mlflow_uri, "convoy", pause_seconds=0.01).stop()


def test_starting_to_follow_does_not_import_mlflow() -> None:
    code = "import sys, pipeline.tracking.follow, pipeline.tracking.project; sys.exit('mlflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def _until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
