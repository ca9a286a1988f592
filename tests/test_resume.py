"""Killed at any moment and started again by the same command: nothing finished is done again, nothing is doubled or lost."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests import searches

TRIALS = 6
FINISHED = "('COMPLETE', 'PRUNED', 'FAIL')"
COUNT = """
import json, sys
import mlflow, optuna
study = optuna.load_study(study_name=sys.argv[1], storage=sys.argv[2])
client = mlflow.MlflowClient(sys.argv[3])
experiment = client.get_experiment_by_name("convoy").experiment_id
runs = client.search_runs([experiment], "tags.`convoy.kind` = 'trial'", max_results=1000)
print(json.dumps([sorted(t.state.name for t in study.trials), sorted(r.data.tags["convoy.trial_key"] for r in runs),
                  sorted({r.info.status for r in runs})]))
"""


@pytest.mark.parametrize(
    ("kills", "epochs"), [(3, (75, 150)), pytest.param(20, (150, 300), marks=pytest.mark.campaign)], ids=["sample", "campaign"]
)
def test_random_kills_of_driver_and_workers_lose_and_repeat_nothing(
    tmp_path: Path, migrated_mlflow: Path, kills: int, epochs: tuple[int, int]
) -> None:
    folder = searches.write_project(tmp_path / "project", migrated_mlflow, epochs=epochs, trials=TRIALS, stopping="asha")
    campaign = Campaign(folder, random.Random(kills))
    for _ in range(kills):
        campaign.kill()
    campaign.finish()
    states, runs, statuses = campaign.seen_by_plain_clients()
    assert len(states) == len(runs) == len(set(runs)) >= TRIALS
    assert "RUNNING" not in states and "WAITING" not in states and "RUNNING" not in statuses


class Campaign:
    """One search, killed now and then; after each kill and at the end, what the workers did is compared with the study."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.folder, self.chance = folder, chance
        self.driver: subprocess.Popen[str] | None = None
        self.finished: dict[str, list[tuple[object, ...]]] = {}
        self.begun: Counter[tuple[str, int]] = Counter()
        self.noted = 0

    def kill(self) -> None:
        """SIGKILL the driver, or one of its workers, at a random moment of training."""
        if self.driver is None:
            self.driver = searches.start(self.folder)
        self._wait_for_an_epoch()
        time.sleep(self.chance.uniform(0.0, 3.0))
        victims = searches.workers(self.folder, self.driver)
        if self.driver.poll() is None and victims and self.chance.random() < 0.4:
            self.chance.choice(victims).kill()
        else:
            self.driver.kill()
            self.driver.wait()
            self.driver = None
        self._compare()

    def finish(self) -> None:
        """Run to the end."""
        if self.driver is None:
            self.driver = searches.start(self.folder)
        assert self.driver.wait(timeout=240) == 0, (self.folder / "output.txt").read_text()[-2000:]
        self._compare()

    def seen_by_plain_clients(self) -> tuple[list[str], list[str], list[str]]:
        """Trial states, keys of trial runs and statuses of runs, as Optuna and MLflow alone show them in another process."""
        study = next((self.folder / "state/studies").iterdir()).name
        addresses = [f"sqlite:///{self.folder}/state/studies.db", f"sqlite:///{self.folder}/mlflow.db"]
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", COUNT, study, *addresses], capture_output=True, text=True, check=True
        )
        states, runs, statuses = json.loads(done.stdout)
        return states, runs, statuses

    def _wait_for_an_epoch(self) -> None:
        begun, deadline = len(searches.ledger(self.folder)), time.monotonic() + 90
        while len(searches.ledger(self.folder)) <= begun and self.driver is not None and self.driver.poll() is None:
            assert time.monotonic() < deadline, (self.folder / "output.txt").read_text()[-2000:]
            time.sleep(0.05)

    def _compare(self) -> None:
        before, self.finished = self.finished, self._finished_rows()
        assert {key: self.finished[key] for key in before} == before, "a finished trial's rows changed"
        entries = searches.ledger(self.folder)
        repeats: Counter[str] = Counter()
        for entry in entries[self.noted :]:
            key, epoch = entry["trial_key"], entry["epoch"]
            assert key not in before, f"{key} was finished and trained again"
            repeats[key] += self.begun[key, epoch] > 0
            self.begun[key, epoch] += 1
        assert all(count <= 1 for count in repeats.values()), f"epochs repeated since the last kill: {repeats}"
        self.noted = len(entries)

    def _finished_rows(self) -> dict[str, list[tuple[object, ...]]]:
        """Trial key → every row the database has of it, of finished trials."""
        if not (self.folder / "state/studies.db").exists():
            return {}
        with sqlite3.connect(f"file:{self.folder}/state/studies.db?mode=ro", uri=True) as connection:
            ids = connection.execute(f"select trial_id, number from trials where state in {FINISHED}").fetchall()
            study = connection.execute("select study_id from convoy_studies").fetchone()[0]
            return {key: self._rows(connection, id, key) for id, key in ((i, f"{study[:8]}-{n:04d}") for i, n in ids)}

    @staticmethod
    def _rows(connection: sqlite3.Connection, trial: int, key: str) -> list[tuple[object, ...]]:
        tables = ("trials", "trial_params", "trial_values", "trial_user_attributes", "trial_system_attributes")
        rows = [row for name in tables for row in connection.execute(f"select * from {name} where trial_id = ?", (trial,))]
        return rows + connection.execute("select * from convoy_epochs where trial_key = ? order by epoch", (key,)).fetchall()


def test_ctrl_c_puts_running_trials_aside_and_the_same_command_goes_on(tmp_path: Path, migrated_mlflow: Path) -> None:
    folder = searches.write_project(tmp_path / "project", migrated_mlflow, epochs=(80, 80), trials=2, stopping="none")
    driver = searches.start(folder)
    while not searches.ledger(folder):
        time.sleep(0.05)
    driver.send_signal(signal.SIGINT)
    assert driver.wait(timeout=30) == 130
    assert "run the same command to go on" in (folder / "output.txt").read_text()
    with sqlite3.connect(folder / "state/studies.db") as connection:
        assert ("WAITING",) in connection.execute("select state from trials").fetchall()
    assert searches.start(folder).wait(timeout=120) == 0
    epochs = Counter((entry["trial_key"], entry["epoch"]) for entry in searches.ledger(folder))
    assert max(epochs.values()) <= 2 and len(epochs) == 160


@pytest.mark.campaign  # twenty seconds; tests/study/test_file.py has the rule
def test_a_study_deleted_while_it_is_searched_ends_the_search_and_leaves_nothing_to_the_next_one(
    tmp_path: Path, migrated_mlflow: Path
) -> None:
    folder = searches.write_project(tmp_path / "project", migrated_mlflow, epochs=(80, 80), trials=2, stopping="none")
    driver = searches.start(folder)
    while not searches.ledger(folder):
        time.sleep(0.05)
    for file in (folder / "state").glob("studies.db*"):
        file.unlink()
    assert driver.wait(timeout=30) == 7
    assert "E707 the study at" in (folder / "output.txt").read_text() and not (folder / "state/studies.db").exists()
    begun = len(searches.ledger(folder))
    assert searches.start(folder).wait(timeout=120) == 0
    assert len(searches.ledger(folder)) == begun + 160, "checkpoints of the study that is gone were used"


def test_asked_to_end_while_ray_still_starts_a_search_ends_as_at_any_other_moment(tmp_path: Path, migrated_mlflow: Path) -> None:
    folder = searches.write_project(tmp_path / "project", migrated_mlflow, trials=2)
    driver = searches.start(folder)
    while "begins" not in (folder / "output.txt").read_text():
        time.sleep(0.05)
    driver.send_signal(signal.SIGTERM)
    assert driver.wait(timeout=60) == 143
    assert "run the same command to go on" in (folder / "output.txt").read_text()
    assert searches.ledger(folder) == []


def test_a_driver_whose_parent_is_gone_saves_and_ends_while_the_next_one_waits(tmp_path: Path, migrated_mlflow: Path) -> None:
    folder = searches.write_project(tmp_path / "project", migrated_mlflow, epochs=(60, 60), trials=2, stopping="none")
    parent = searches.start_under_a_parent(folder)
    while not searches.ledger(folder):
        time.sleep(0.05)
    refused = searches.start(folder)
    assert refused.wait(timeout=60) == 6
    assert "E601" in (folder / "output.txt").read_text()
    parent.kill()
    parent.wait()
    assert searches.start(folder).wait(timeout=120) == 0
    assert "parent gone" in (folder / "output.txt").read_text()
