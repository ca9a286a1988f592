"""MLflow's own pages on a study, in a real browser: what a person opens, selects, compares and finds."""

from __future__ import annotations

import json
import re
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from mlflow import MlflowClient

from pipeline import artifacts, layout
from pipeline.study.records import State, TrialRecord
from pipeline.tracking.project import project
from tests import searches
from tests.browser import opened
from tests.tracking.studies import study, trial

if TYPE_CHECKING:
    from playwright.sync_api import Page

STATES: tuple[State, ...] = ("completed", "pruned", "completed", "failed", "completed")


def varied(number: int, state: State) -> TrialRecord:
    """A trial that differs from others in what was tried and in what was reached."""
    plain = trial(number, state)
    epochs = tuple(replace(one, val_accuracy=0.5 + one.epoch * (number + 1) / 50) for one in plain.epochs)
    hyperparameters = {"train.epochs": 3, "train.learning_rate": 0.1 / (number + 1), "model.filters": 8 << number % 3}
    value = epochs[-1].val_accuracy if state == "completed" else None
    return replace(plain, hyperparameters=hyperparameters, epochs=epochs, value=value)


STUDY = study(*(varied(number, state) for number, state in enumerate(STATES)), finished=True)


@pytest.fixture(scope="module")
def folder(migrated_mlflow: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a study of five trials and a registered champion."""
    folder = searches.write_project(tmp_path_factory.mktemp("browsed") / "project", migrated_mlflow)
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    done = project(STUDY, uri, "convoy")
    client = MlflowClient(uri)
    client.create_registered_model("convoy-bands")
    version = client.create_model_version("convoy-bands", f"runs:/{done.parent_run_id}/model", done.parent_run_id)
    client.set_registered_model_alias("convoy-bands", "champion", version.version)
    artifacts.write_json(folder / layout.REGISTRATION, {"name": "convoy-bands"})
    return folder


@pytest.fixture(scope="module")
def addresses(folder: Path) -> Iterator[dict[str, str]]:
    """What `convoy ui` says is where; Ctrl-C ends it and its server."""
    process = searches.start(folder, "ui", "--no-open", "--port", "0")
    output, deadline = folder / "output.txt", time.monotonic() + 120
    while "Ctrl-C ends it" not in output.read_text():
        assert process.poll() is None and time.monotonic() < deadline, output.read_text()
        time.sleep(0.1)
    found = dict(re.findall(r"^(.+?): +(http.+)$", output.read_text(), re.MULTILINE))
    yield found

    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0 and output.read_text().endswith("ended\n")
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(found["registered model"], timeout=5)


@pytest.fixture(scope="module")
def browser() -> Iterator[tuple[Page, list[str]]]:
    """One page for all tests, and what its console complained of."""
    with opened() as found:
        yield found


@pytest.fixture
def page(browser: tuple[Page, list[str]]) -> Iterator[Page]:
    """The page; the console stays silent while a test uses it."""
    found, errors = browser
    found.goto("about:blank")  # else only the part of the address behind # changes, and MLflow keeps what it showed
    errors.clear()
    yield found
    assert errors == []


@pytest.mark.slow
def test_a_study_opens_as_one_parent_with_its_trials_below_and_says_what_it_was(addresses: dict[str, str], page: Page) -> None:
    page.goto(addresses["a study and its trials"])
    parent = page.get_by_role("link", name="study abcdef01")
    parent.wait_for()
    assert page.get_by_role("link", name="trial 0000").count() == 0
    page.get_by_role("gridcell").get_by_role("button").first.click()
    page.get_by_role("link", name="trial 0000").wait_for()

    names = page.get_by_role("link", name="trial 0").all_inner_texts()
    assert names == ["trial 0004", "trial 0003 failed", "trial 0002", "trial 0001 pruned", "trial 0000"]
    for column in ("val_accuracy", "train.learning_rate", "model.filters", "convoy.state", "convoy.epochs", "convoy.seconds"):
        assert page.get_by_role("columnheader", name=column, exact=True).count() > 0, column

    parent.click()
    page.get_by_role("link", name="trial 0004, val_accuracy 0.8000").wait_for()
    assert "search_spaces/cnn.yaml" in page.content() and "d" * 16 in page.content()


@pytest.mark.slow
def test_trials_side_by_side_are_parallel_coordinates_a_contour_and_curves(addresses: dict[str, str], page: Page) -> None:
    page.goto(addresses["trials side by side"])
    page.locator(".parcoords canvas").first.wait_for(state="attached")
    page.locator("svg .contourlayer, svg .contour").first.wait_for(state="attached")
    page.locator("svg .scatterlayer .trace").first.wait_for(state="attached")

    assert page.get_by_text("5 matching runs").count() == 1
    assert page.get_by_text("trial 0001 pruned").count() > 0


@pytest.mark.slow
def test_selected_trials_are_compared(addresses: dict[str, str], page: Page) -> None:
    page.goto(addresses["trials side by side"].replace("&compareRunsMode=CHART", ""))
    page.get_by_role("link", name="trial 0000").wait_for()
    rows = page.get_by_role("row").get_by_role("checkbox", name="toggle row selection")
    rows.nth(0).check(force=True)
    rows.nth(1).check(force=True)
    page.get_by_role("button", name="Compare").click()

    page.get_by_text("Comparing 2 Runs").first.wait_for()
    page.get_by_text("Parallel Coordinates Plot").wait_for()
    page.locator(".js-plotly-plot svg").first.wait_for(state="attached")


@pytest.mark.slow
def test_the_registered_model_is_found_with_its_alias(addresses: dict[str, str], page: Page) -> None:
    page.goto(addresses["registered model"])
    page.get_by_text("Version 1").first.wait_for()
    page.get_by_text("champion").first.wait_for()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("headers", "code"),
    [({}, 200), ({"Host": "evil.example"}, 403), ({"Host": "192.168.0.7"}, 403), ({"Origin": "http://evil.example"}, 403)],
)
def test_the_server_answers_this_machine_alone_and_pages_of_no_other_origin(
    addresses: dict[str, str], headers: dict[str, str], code: int
) -> None:
    body = json.dumps({"experiment_ids": ["1"], "max_results": 1}).encode()
    address = addresses["registered model"].partition("/#")[0]
    request = urllib.request.Request(
        f"{address}/api/2.0/mlflow/runs/search", body, {"Content-Type": "application/json", **headers}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == code
    except urllib.error.HTTPError as refused:
        assert refused.code == code
