"""The whole search as a real process: Ray, SQLite, MLflow."""

from __future__ import annotations

import time
from pathlib import Path

import pandas as pd
import pytest

from pipeline.search.execution.resources import available_cpus
from tests import searches

ONE_SLOT = {"cpus_per_trial": float(available_cpus())}
SEVERAL = {**ONE_SLOT, "objectives": ["parameters", "latency_ms"], "limits": {"latency_ms": 1e6}}


def output(folder: Path) -> str:
    return (folder / "output.txt").read_text()


def leaderboard(folder: Path) -> dict[int, tuple[object, ...]]:
    """Number of a trial → state and hyperparameters."""
    table = pd.read_csv(folder / "results/search/leaderboard.csv")
    columns = ["number", "state", *(name for name in table if name.startswith(("model.", "train.")))]
    return {row[0]: row[1:] for row in table[columns].itertuples(index=False, name=None)}


def test_a_search_without_mlflow_ends_well_sync_brings_its_trials_and_a_raised_budget_goes_on_with_them(
    tmp_path: Path, migrated_mlflow: Path
) -> None:
    away = "http://127.0.0.1:9"
    folder = searches.write_project(tmp_path / "project", migrated_mlflow, trials=3, tracking_uri=away, **SEVERAL)
    assert searches.start(folder).wait(timeout=120) == 0, output(folder)
    assert "E401" in output(folder) and "left to sync" in output(folder) and "`convoy sync`" in output(folder)
    assert searches.start(folder, "sync").wait(timeout=60) == 4
    searches.write_params(folder, trials=3, **SEVERAL)
    assert searches.start(folder, "sync").wait(timeout=60) == 0, output(folder)
    assert "3 trials in sqlite:///" in output(folder)

    first, trained = leaderboard(folder), searches.ledger(folder)
    searches.write_params(folder, trials=5, **SEVERAL)
    assert searches.start(folder).wait(timeout=120) == 0, output(folder)
    assert "goes on with 3 trials" in output(folder)
    assert searches.ledger(folder)[: len(trained)] == trained and leaderboard(folder).keys() - first.keys()
    assert {key: leaderboard(folder)[key] for key in first} == first
    epochs = [(entry["trial_key"], entry["epoch"]) for entry in searches.ledger(folder)]
    assert len(epochs) == len(set(epochs)) > len(trained)
    table = pd.read_csv(folder / "results/search/leaderboard.csv")
    assert table[["parameters", "latency_ms"]].gt(0).all(axis=None) and table["front"].any()
    assert (folder / "results/search/front.png").stat().st_size > 1000


@pytest.mark.campaign  # half a minute; test_worker_deaths.py has the rule
def test_a_trial_whose_worker_keeps_dying_is_given_up_after_three_retries(tmp_path: Path, migrated_mlflow: Path) -> None:
    folder = searches.write_project(tmp_path / "project", migrated_mlflow, epochs=(1000, 1000), trials=1, **ONE_SLOT)
    driver, killed = searches.start(folder), set[int]()
    while driver.poll() is None:
        for worker in searches.workers(folder, driver):
            killed.add(worker.pid)
            worker.kill()
        time.sleep(0.2)
    assert driver.wait() == 5, output(folder)
    assert "its worker process died 4 times" in output(folder) and len(killed) == 4
    assert "E503" in output(folder)


@pytest.mark.parametrize(
    ("search", "code", "message"),
    [
        ({"gpus_per_trial": 1.0}, 10, "E001 search.gpus_per_trial — a trial needs 1 GPU, this machine has 0"),
        ({"trials": 0}, 2, "E203 search.trials at params.yaml:1:"),
        ({"sampler": "tpee"}, 2, "E203 search.sampler"),
        ({"space": "nowhere.yaml"}, 2, "E212 nowhere.yaml"),
    ],
)
def test_what_can_never_run_is_refused_before_ray_starts(
    tmp_path: Path, migrated_mlflow: Path, search: dict[str, object], code: int, message: str
) -> None:
    folder = searches.write_project(tmp_path / "project", migrated_mlflow, **search)
    assert searches.start(folder).wait(timeout=60) == code, output(folder)
    assert message in output(folder)
    assert not (folder / "state/studies").exists() or not searches.ledger(folder)
