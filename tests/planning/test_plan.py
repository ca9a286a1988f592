"""`convoy plan` measures on the real data of a project and writes nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pipeline import layout
from pipeline.__main__ import main
from pipeline.planning import probe
from pipeline.search import identity
from pipeline.search.conductor import Conductor
from pipeline.search.execution.messages import Message
from pipeline.search.settings import Limits, SearchParams
from pipeline.search.spaces.space import load
from pipeline.study import store
from tests import searches
from tests.projects import write_processed
from tests.search.driving import epoch, everything_fits


@pytest.fixture
def here(tmp_path: Path, migrated_mlflow: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in which preprocess has run, as working directory."""
    folder = searches.write_project(tmp_path / "here", migrated_mlflow, trials=40, price_an_hour=2.0)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(probe, "_ENOUGH_SECONDS", 0.01)
    return folder


def planned(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """What the lines say, by their first words."""
    assert main(["plan"]) == 0
    return dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines())


def test_a_plan_tells_trials_time_money_and_disk_and_leaves_nothing_behind(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(here.rglob("*"))
    said = planned(capsys)
    assert list(said) == ["probe", "a trial", "budget", "trials", "time", "training", "money", "disk"]
    assert re.fullmatch(r"3 networks in [\d.]+ s, threads 1: .* ms a step and .* ns a multiply-add", said["probe"])
    assert (said["trials"], said["budget"]) == ("40", "40 trials")
    assert "trials at once" in said["time"] and "free" in said["disk"]
    assert sorted(here.rglob("*")) == before


def test_a_time_limit_is_turned_into_trials(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    searches.write_params(here, trials=None, time_limit_minutes=10)
    said = planned(capsys)
    low, high = (int(number) for number in said["trials"].split(" to "))
    assert 0 < low < high and said["time"].startswith("10 min,") and "money" not in said
    assert main(["plan", "--json"]) == 0
    expected = json.loads(capsys.readouterr().out)["expected"]
    assert 0 < expected["trials"]["low"] < expected["trials"]["high"] and expected["money"] is None


def test_a_job_server_cannot_be_asked_and_the_plan_says_so(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = planned(capsys)
    monkeypatch.setenv("RAY_ADDRESS", "http://127.0.0.1:8265")
    said = planned(capsys)
    why = "a job server, which does not say what trials get: a plan for this machine alone"
    assert said["cluster"] == f"http://127.0.0.1:8265 is {why}"
    assert said["time"].split(", ")[1] == alone["time"].split(", ")[1]


def test_what_the_study_has_used_already_is_taken_off(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    params = SearchParams(space="space.yaml", trials=2, sampler="random", stopping="none")
    recipe, space = write_processed(here), load(here / "space.yaml")
    study, _ = store.create(layout.study_database(here / "state"), identity.new_study(params, space, recipe, {}))
    conductor = Conductor(study, space, params, everything_fits)
    while trial := conductor.next():
        conductor.heard(Message(trial.key, [epoch(number, 0.5) for number in range(1, trial.planned_epochs + 1)]))
    conductor.close({})
    said = planned(capsys)
    assert said["trials"] == "38" and said["used already"].startswith("2 trials, ")


def test_before_preprocess_it_says_what_to_run(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "data/processed/recipe.json").unlink()
    assert main(["plan"]) == 2
    assert "run `dvc repro preprocess`" in capsys.readouterr().err


def test_only_networks_that_would_be_launched_are_planned_with(tmp_path: Path) -> None:
    text = "family: cnn\nsmallest_image: 8\nhyperparameters: {model.num_conv_layers: {type: int, low: 1, high: 8}}\n"
    (tmp_path / "deep.yaml").write_text(text)
    space, recipe = load(tmp_path / "deep.yaml"), write_processed(tmp_path)
    known = probe.candidates(space, recipe, Limits())
    assert {each.point["model.num_conv_layers"] for each in known} == {1, 2, 3}
    assert all(each.parameters > 0 and each.work.multiply_adds > 0 for each in known)
    smaller = probe.candidates(space, recipe, Limits(parameters=min(each.parameters for each in known)))
    assert {each.parameters for each in smaller} == {min(each.parameters for each in known)} < {each.parameters for each in known}
