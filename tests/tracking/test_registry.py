"""A model is registered once, and the champion changes only for one that is no worse."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow import MlflowClient

from pipeline.tracking.champion import Standing, decide
from pipeline.tracking.connection import acting_on
from pipeline.tracking.finished import FinishedModel, read_finished
from pipeline.tracking.project import project as project_study
from pipeline.tracking.registry import register
from tests.tracking.studies import study, trial

CHAMPION = Standing(version="1", test_accuracy=0.9, test_digest="t", classes_digest="c")


@pytest.fixture
def model(project: Path) -> FinishedModel:
    return read_finished(Path("model"), Path("results/evaluation"))


@pytest.mark.parametrize(
    ("candidate", "champion", "alias", "reason"),
    [
        (CHAMPION, None, "champion", "first version"),
        (CHAMPION, CHAMPION, "champion", "already"),
        (replace(CHAMPION, version="2", test_accuracy=0.9), CHAMPION, "champion", "no worse"),
        (replace(CHAMPION, version="2", test_accuracy=0.95), CHAMPION, "champion", "no worse"),
        (replace(CHAMPION, version="2", test_accuracy=0.89), CHAMPION, "challenger", "worse on the same test images"),
        (replace(CHAMPION, version="2", test_accuracy=1.0, test_digest="u"), CHAMPION, "challenger", "other images"),
        (replace(CHAMPION, version="2", test_accuracy=1.0, classes_digest="d"), CHAMPION, "challenger", "other classes"),
    ],
)
def test_the_alias_follows_from_the_comparison(candidate: Standing, champion: Standing | None, alias: str, reason: str) -> None:
    decided, why = decide(candidate, champion)
    assert decided == alias and reason in why


def test_the_refit_run_tells_all_and_hangs_below_its_study(mlflow_uri: str, model: FinishedModel) -> None:
    parent = project_study(study(trial(3), finished=True), mlflow_uri, "convoy").parent_run_id

    registration = register(model, "convoy-bands", mlflow_uri, "convoy")

    client = MlflowClient(mlflow_uri)
    run = client.get_run(registration.run_id)
    assert (run.data.tags["convoy.kind"], run.data.tags["mlflow.parentRunId"], run.info.status) == ("refit", parent, "FINISHED")
    assert run.data.params["train.learning_rate"] == "0.02"
    assert run.data.metrics["test_accuracy"] == model.test["test_accuracy"]
    assert [point.step for point in client.get_metric_history(run.info.run_id, "train_loss")] == [1, 2, 3, 4]
    pictures = {file.path for file in client.list_artifacts(run.info.run_id, "pictures")}
    assert pictures == {"pictures/learning_curves.png", "pictures/confusion_matrix.png"}
    assert {file.path for file in client.list_artifacts(run.info.run_id, "environment")} == {"environment/requirements.txt"}
    assert run.inputs.dataset_inputs[0].dataset.name == "bands"


def test_registering_the_same_model_again_makes_nothing_new(mlflow_uri: str, model: FinishedModel) -> None:
    first = register(model, "convoy-bands", mlflow_uri, "convoy")
    client = MlflowClient(mlflow_uri)
    before = client.get_run(first.run_id).to_dictionary()

    assert register(model, "convoy-bands", mlflow_uri, "convoy") == first

    assert [str(version.version) for version in client.search_model_versions("name = 'convoy-bands'")] == ["1"]
    assert len(client.search_runs([client.get_experiment_by_name("convoy").experiment_id])) == 1
    after = client.get_run(first.run_id).to_dictionary()
    assert {**after["data"], **after["inputs"]} == {**before["data"], **before["inputs"]}


def test_a_worse_model_is_the_challenger_with_the_reason_written_down(mlflow_uri: str, model: FinishedModel) -> None:
    register(model, "convoy-bands", mlflow_uri, "convoy")
    worse = replace(model, digest="0" * 64, test=model.test | {"test_accuracy": 0.1})

    registration = register(worse, "convoy-bands", mlflow_uri, "convoy")

    client = MlflowClient(mlflow_uri)
    challenger = client.get_model_version_by_alias("convoy-bands", "challenger")
    assert (registration.alias, str(challenger.version)) == ("challenger", registration.version) == ("challenger", "2")
    assert "worse on the same test images" in challenger.tags["convoy.alias_reason"]
    assert str(client.get_model_version_by_alias("convoy-bands", "champion").version) == "1"


def test_a_better_model_replaces_the_champion_and_names_it(mlflow_uri: str, model: FinishedModel) -> None:
    register(replace(model, test=model.test | {"test_accuracy": 0.1}), "convoy-bands", mlflow_uri, "convoy")

    registration = register(replace(model, digest="0" * 64), "convoy-bands", mlflow_uri, "convoy")

    champion = MlflowClient(mlflow_uri).get_model_version_by_alias("convoy-bands", "champion")
    assert (registration.alias, str(champion.version), champion.tags["convoy.previous_champion"]) == ("champion", "2", "1")


def test_the_version_says_what_it_needs_and_what_it_takes(mlflow_uri: str, model: FinishedModel) -> None:
    import mlflow

    registration = register(model, "convoy-bands", mlflow_uri, "convoy")

    version = MlflowClient(mlflow_uri).get_model_version("convoy-bands", registration.version)
    with acting_on(mlflow_uri):
        logged = mlflow.models.get_model_info("models:/convoy-bands/1")
        folder = Path(mlflow.artifacts.download_artifacts("models:/convoy-bands/1"))
    assert version.run_id == registration.run_id
    assert json.loads(logged.signature.inputs.to_json())[0]["tensor-spec"] == {"dtype": "uint8", "shape": [-1, -1, -1, -1]}
    assert logged.signature.outputs.input_names() == ["label", *(f"p_{name}" for name in model.classes)]
    assert logged.saved_input_example_info is not None
    needed = (folder / "requirements.txt").read_text().split()
    assert [line.partition("==")[0] for line in needed] == ["mlflow", "numpy", "pandas", "torch"]
    assert not any("+" in line for line in needed)
    assert not list(folder.rglob("*.pkl"))
