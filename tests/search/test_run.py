"""The whole search as a real process: Ray, SQLite, MLflow."""

from __future__ import annotations

import time
from pathlib import Path

import pandas as pd
import pytest

from pipeline.errors import WrongValue
from pipeline.search.resources import available_cpus
from pipeline.search.run import fold_count
from pipeline.search.settings import Reselect, SearchParams
from pipeline.study import store
from tests import searches
from tests.projects import write_processed

ONE_SLOT = {"cpus_per_trial": float(available_cpus())}


def output(folder: Path) -> str:
    return (folder / "output.txt").read_text()


def results(folder: Path) -> pd.DataFrame:
    """The leaderboard without what measures time."""
    return pd.read_csv(folder / "results/search/leaderboard.csv").drop(columns="seconds")


def test_a_raised_budget_continues_the_study_as_if_it_had_never_ended(tmp_path: Path, migrated_mlflow: Path) -> None:
    whole = searches.write_project(tmp_path / "whole", migrated_mlflow, trials=5, **ONE_SLOT)
    assert searches.start(whole).wait(timeout=120) == 0, output(whole)
    parts = searches.write_project(tmp_path / "parts", migrated_mlflow, trials=3, **ONE_SLOT)
    assert searches.start(parts).wait(timeout=120) == 0, output(parts)
    trained = len(searches.ledger(parts))
    searches.write_params(parts, trials=5, **ONE_SLOT)
    assert searches.start(parts).wait(timeout=120) == 0, output(parts)
    assert "goes on with 3 trials" in output(parts)
    assert len(searches.ledger(parts)) == len(searches.ledger(whole)) > trained
    pd.testing.assert_frame_equal(results(parts), results(whole))


def test_with_mlflow_away_the_search_ends_well_sync_brings_the_rest_and_another_space_is_another_study(
    tmp_path: Path, migrated_mlflow: Path
) -> None:
    folder = searches.write_project(tmp_path / "project", migrated_mlflow, trials=2, tracking_uri="http://127.0.0.1:9")
    assert searches.start(folder).wait(timeout=120) == 0, output(folder)
    assert "E401" in output(folder) and "left to sync" in output(folder) and "`convoy sync`" in output(folder)
    assert searches.start(folder, "sync").wait(timeout=60) == 4
    searches.write_params(folder, trials=2)
    assert searches.start(folder, "sync").wait(timeout=60) == 0, output(folder)
    assert "2 trials in sqlite:///" in output(folder)

    space = folder / "space.yaml"
    space.write_text(space.read_text().replace("model.filters: 8", "model.filters: 4"))
    assert searches.start(folder).wait(timeout=120) == 0, output(folder)
    assert "is new; other than" in output(folder) and ": space\n" in output(folder)
    assert len(store.tables.study_rows(store.tables.connect(f"sqlite:///{folder}/state/studies.db"))) == 2


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


def test_folds_that_the_data_does_not_have_are_refused(tmp_path: Path) -> None:
    recipe, data = write_processed(tmp_path), tmp_path / "data/processed"
    with pytest.raises(WrongValue, match=r"search\.reselect\.score_on .* — it has no folds — set split\.folds"):
        fold_count(SearchParams(reselect=Reselect(score_on="folds")), recipe, data)
    assert fold_count(SearchParams(), recipe, data) == 0
