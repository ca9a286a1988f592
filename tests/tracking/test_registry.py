"""A model is registered once, and the champion changes only through the gate."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from mlflow import MlflowClient

from pipeline import artifacts
from pipeline.errors import DigestMismatch
from pipeline.tracking.alias_log import AliasLog, entry, open_log
from pipeline.tracking.connection import acting_on
from pipeline.tracking.finished import FinishedModel, read_finished
from pipeline.tracking.project import project as project_study
from pipeline.tracking.registry import register
from pipeline.tracking.settings import RegisterParams
from tests.tracking.studies import study, trial


@pytest.fixture
def model(project: Path) -> FinishedModel:
    return read_finished(Path("model"), Path("results/evaluation"))


def other(model: FinishedModel, *, wrong: int, images: str = "test") -> FinishedModel:
    """Another model, which has the first `wrong` of the 30 test images wrong and the others right."""
    folder = model.evaluation.parent / f"evaluation of {wrong} wrong on {images}"
    shutil.copytree(model.evaluation, folder)
    table = pd.read_csv(folder / "predictions.csv")
    table["digest"] = table["digest"].str.replace("test", images)
    for row, actual in enumerate(table["actual"]):
        said = actual if row >= wrong else next(name for name in model.classes if name != actual)
        table.loc[row, [f"p_{name}" for name in model.classes]] = [float(name == said) for name in model.classes]
    table.to_csv(folder / "predictions.csv", index=False)
    test = model.test | {"test_accuracy": 1 - wrong / 30}
    return replace(model, evaluation=folder, digest=f"{wrong:064}", test=test)


def log_of(client: MlflowClient) -> AliasLog:
    return open_log(client, "convoy-bands", client.get_experiment_by_name("convoy").experiment_id)


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
    note = client.get_run(parent).data.tags["mlflow.note.content"]
    assert registration.run_id in note.splitlines()[0] and note.count("- best:") == 1


def test_a_refit_run_whose_study_was_deleted_hangs_below_the_new_one(mlflow_uri: str, model: FinishedModel) -> None:
    shown = study(trial(3), finished=True)
    first = project_study(shown, mlflow_uri, "convoy").parent_run_id
    registration = register(model, "convoy-bands", mlflow_uri, "convoy")
    client = MlflowClient(mlflow_uri)
    client.delete_run(first)

    assert register(model, "convoy-bands", mlflow_uri, "convoy") == registration

    second = project_study(shown, mlflow_uri, "convoy").parent_run_id
    register(model, "convoy-bands", mlflow_uri, "convoy")
    assert client.get_run(registration.run_id).data.tags["mlflow.parentRunId"] == second != first


def test_registering_the_same_model_again_makes_nothing_new(mlflow_uri: str, model: FinishedModel) -> None:
    first = register(model, "convoy-bands", mlflow_uri, "convoy")
    client = MlflowClient(mlflow_uri)
    before = client.get_run(first.run_id).to_dictionary()

    assert register(model, "convoy-bands", mlflow_uri, "convoy") == first

    assert [str(version.version) for version in client.search_model_versions("name = 'convoy-bands'")] == ["1"]
    experiment = client.get_experiment_by_name("convoy").experiment_id
    assert sorted(run.data.tags["convoy.kind"] for run in client.search_runs([experiment])) == ["aliases", "refit"]
    assert len(open_log(client, "convoy-bands", experiment).entries()) == 1
    after = client.get_run(first.run_id).to_dictionary()
    assert {**after["data"], **after["inputs"]} == {**before["data"], **before["inputs"]}


def test_a_worse_model_is_the_challenger_with_the_reason_written_down(mlflow_uri: str, model: FinishedModel) -> None:
    register(model, "convoy-bands", mlflow_uri, "convoy")

    registration = register(other(model, wrong=9), "convoy-bands", mlflow_uri, "convoy")

    client = MlflowClient(mlflow_uri)
    challenger = client.get_model_version_by_alias("convoy-bands", "challenger")
    assert (registration.alias, str(challenger.version)) == ("challenger", registration.version) == ("challenger", "2")
    assert challenger.tags["convoy.alias_reason"] == registration.reason
    assert "worse on the same test images: accuracy 0.7000, champion version 1 has" in registration.reason
    assert "0 images right here alone and" in registration.reason and "n = 30" in registration.reason
    assert str(client.get_model_version_by_alias("convoy-bands", "champion").version) == "1"


def test_a_better_model_replaces_the_champion_and_names_it(mlflow_uri: str, model: FinishedModel) -> None:
    register(other(model, wrong=9), "convoy-bands", mlflow_uri, "convoy")

    registration = register(model, "convoy-bands", mlflow_uri, "convoy", RegisterParams(rule="better"))

    client = MlflowClient(mlflow_uri)
    assert (registration.alias, str(client.get_model_version_by_alias("convoy-bands", "champion").version)) == ("champion", "2")
    assert [(one.version, one.previous) for one in log_of(client).entries()] == [("1", ""), ("2", "1")]


@pytest.mark.parametrize(
    ("params", "changed", "reason"),
    [
        ({"limits": {"parameters": 10}}, {}, "is over the limit of 10"),
        ({}, {"images": "other"}, "champion version 1 was tested on other images, and it is not measured here"),
        ({}, {"images": "train"}, "tested on other images, and it was trained on 30 of these 30"),
        ({}, {"classes": ["a", "b", "c"]}, "not comparable: champion version 1 tells other classes apart"),
    ],
)
def test_a_better_model_that_may_not_or_cannot_be_compared_stays_challenger(
    mlflow_uri: str, model: FinishedModel, params: dict[str, object], changed: dict[str, object], reason: str
) -> None:
    register(other(model, wrong=9), "convoy-bands", mlflow_uri, "convoy")
    better = other(model, wrong=0, images=str(changed.get("images", "test")))
    better = replace(better, facts=better.facts | {name: value for name, value in changed.items() if name == "classes"})

    measure = never if changed.get("images") == "train" else None
    chosen = RegisterParams.model_validate(params)
    registration = register(better, "convoy-bands", mlflow_uri, "convoy", chosen, measure=measure)

    assert registration.alias == "challenger" and reason in registration.reason


def never(folder: Path) -> bytes:
    raise AssertionError("measured on images that it was trained on")


def test_a_champion_tested_on_other_images_is_measured_on_the_new_ones_once(mlflow_uri: str, model: FinishedModel) -> None:
    register(model, "convoy-bands", mlflow_uri, "convoy")
    measured: list[str] = []

    def measure(folder: Path) -> bytes:
        measured.append(artifacts.read_json(folder / "model.json")["trial_key"])
        return (other(model, wrong=8, images="later").evaluation / "predictions.csv").read_bytes()

    first = register(other(model, wrong=7, images="later"), "convoy-bands", mlflow_uri, "convoy", measure=measure)
    assert first.alias == "champion" and "accuracy 0.7667, champion version 1 has 0.7333" in first.reason
    assert measured == [model.facts["trial_key"]] and first.test_looks == 2

    client = MlflowClient(mlflow_uri)
    known = (log := log_of(client)).entries()
    log.append(known, entry(known, "champion", "1", "rollback", "again"))
    second = register(other(model, wrong=6, images="later"), "convoy-bands", mlflow_uri, "convoy", measure=never)
    assert second.alias == "champion" and "champion version 1 has 0.7333" in second.reason and second.test_looks == 3


def test_the_same_images_prepared_otherwise_are_still_the_same(mlflow_uri: str, model: FinishedModel) -> None:
    register(model, "convoy-bands", mlflow_uri, "convoy")
    anew = other(model, wrong=0)

    registration = register(
        replace(anew, test=anew.test | {"test_digest": "packed otherwise"}), "convoy-bands", mlflow_uri, "convoy"
    )

    assert registration.alias == "champion" and "no worse on the same test images" in registration.reason


def test_predictions_changed_in_the_store_are_noticed(mlflow_uri: str, model: FinishedModel, tmp_path: Path) -> None:
    register(model, "convoy-bands", mlflow_uri, "convoy")
    for stored in (tmp_path / "mlflow/mlruns").rglob("predictions.csv"):
        stored.write_text(stored.read_text().replace("test0001", "test9999"))

    with pytest.raises(DigestMismatch, match="convoy-bands version 1"):
        register(other(model, wrong=0), "convoy-bands", mlflow_uri, "convoy")


def test_a_version_that_was_rolled_back_does_not_come_back_by_itself(mlflow_uri: str, model: FinishedModel) -> None:
    register(model, "convoy-bands", mlflow_uri, "convoy")
    second = other(model, wrong=0)
    register(second, "convoy-bands", mlflow_uri, "convoy")
    log = log_of(MlflowClient(mlflow_uri))
    known = log.entries()
    log.append(known, entry(known, "champion", "1", "rollback", "sees ghosts"))

    registration = register(second, "convoy-bands", mlflow_uri, "convoy")

    assert registration.alias == "challenger" and "(sees ghosts): only `convoy promote` brings it back" in registration.reason


def test_the_version_says_what_it_needs_and_what_it_takes(mlflow_uri: str, model: FinishedModel) -> None:
    import mlflow

    registration = register(model, "convoy-bands", mlflow_uri, "convoy")

    version = MlflowClient(mlflow_uri).get_model_version("convoy-bands", registration.version)
    with acting_on(mlflow_uri):
        logged = mlflow.models.get_model_info("models:/convoy-bands/1")
        folder = Path(mlflow.artifacts.download_artifacts("models:/convoy-bands/1"))
    assert version.run_id == registration.run_id and version.description.startswith("# convoy-bands version 1\n")
    assert json.loads(version.tags["convoy.classes"]) == model.classes
    assert json.loads(version.tags["convoy.metrics"])["test_accuracy_low"] == model.test["test_accuracy_low"]
    assert float(version.tags["convoy.latency_ms"]) > 0 and int(version.tags["convoy.parameters"]) == model.facts["parameters"]
    assert (version.tags["convoy.commit"], version.tags["convoy.test_looks"]) == ("unknown", "1")
    assert json.loads(logged.signature.inputs.to_json())[0]["tensor-spec"] == {"dtype": "uint8", "shape": [-1, -1, -1, -1]}
    assert logged.signature.outputs.input_names() == ["label", *(f"p_{name}" for name in model.classes)]
    assert logged.saved_input_example_info is not None
    needed = (folder / "requirements.txt").read_text().split()
    assert [line.partition("==")[0] for line in needed] == ["mlflow", "numpy", "pandas", "torch"]
    assert not any("+" in line for line in needed)
    assert not list(folder.rglob("*.pkl"))
