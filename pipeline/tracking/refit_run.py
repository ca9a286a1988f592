"""The run of the winner: its hyperparameters, curve, test metrics, pictures, data set and environment."""

from __future__ import annotations

import json
import platform
from importlib.metadata import distributions
from typing import TYPE_CHECKING

from pipeline.tracking import runs
from pipeline.tracking.finished import FinishedModel
from pipeline.tracking.wanted import (
    DATA_TAG,
    GIT_COMMIT_TAG,
    KIND_TAG,
    NAME_TAG,
    NOTE_TAG,
    PARENT_TAG,
    SPACE_TAG,
    STUDY_TAG,
    TRIAL_TAG,
    refit_link,
    with_best,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput, Metric, Run, RunTag

MODEL_TAG = "convoy.model_digest"
INHERITED = (DATA_TAG, SPACE_TAG, GIT_COMMIT_TAG)  # from the run of the study
_LONGEST_DATASET_DIGEST = 36  # characters that MLflow stores


def log_refit(client: MlflowClient, experiment: str, model: FinishedModel) -> str:
    """The id of the one run of this model, complete; calling it again adds nothing."""
    from mlflow.entities import Param

    run, study = _run(client, experiment, model), _run_of_the_study(client, experiment, model)
    run_id = str(run.info.run_id)
    params = [Param(name, str(value)) for name, value in model.facts["hyperparameters"].items()]
    runs.log(client, run_id, _metrics(model, run.info.start_time), params, _tags_of_the_study(run, study))
    client.log_inputs(run_id, [_dataset(model)])
    _log_files(client, run_id, model)
    if run.info.status != "FINISHED":
        client.set_terminated(run_id, "FINISHED")
    if study is not None:  # its note leads to its winner
        note = with_best(study.data.tags.get(NOTE_TAG, ""), refit_link(run.data.tags[TRIAL_TAG], run_id, experiment))
        client.set_tag(study.info.run_id, NOTE_TAG, note)
    return run_id


def _run(client: MlflowClient, experiment: str, model: FinishedModel) -> Run:
    found = client.search_runs([experiment], f"tags.`{KIND_TAG}` = 'refit' AND tags.`{MODEL_TAG}` = '{model.digest}'")
    if found:
        return runs.keep_one(client, found)
    study_id, trial_key = str(model.facts["study_id"]), str(model.facts["trial_key"])
    tags = {KIND_TAG: "refit", MODEL_TAG: model.digest, STUDY_TAG: study_id, TRIAL_TAG: trial_key}
    return client.create_run(experiment, tags=tags | {NAME_TAG: f"refit of {trial_key}"})


def _run_of_the_study(client: MlflowClient, experiment: str, model: FinishedModel) -> Run | None:
    """As MLflow shows it now: somebody may have deleted an earlier one, or the study was not sent yet."""
    wanted = f"tags.`{KIND_TAG}` = 'study' AND tags.`{STUDY_TAG}` = '{model.facts['study_id']}'"
    return next(iter(client.search_runs([experiment], wanted)), None)


def _tags_of_the_study(run: Run, study: Run | None) -> list[RunTag]:
    """The run hangs below that of the study, and has what it takes from it unless it has that already."""
    from mlflow.entities import RunTag

    if study is None:
        return []
    taken = {name: value for name, value in study.data.tags.items() if name in INHERITED and name not in run.data.tags}
    return [RunTag(name, value) for name, value in {PARENT_TAG: study.info.run_id, **taken}.items()]


def _metrics(model: FinishedModel, started: int) -> list[Metric]:
    """Timestamps that depend on the run alone, so that a metric sent twice is one point."""
    from mlflow.entities import Metric

    curve = [
        Metric(name, value, started + epoch, epoch)
        for epoch, metrics in enumerate(model.curve, start=1)
        for name, value in metrics.items()
    ]
    return curve + [Metric(name, value, started, 0) for name, value in model.test_metrics().items()]


def _dataset(model: FinishedModel) -> DatasetInput:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    recipe = model.facts["recipe"]
    digests = recipe["digests"]
    counts = {split: recipe["counts"][split] for split in ("train", "val")}
    dataset = Dataset(
        name=recipe["source"],
        digest=digests["train"][:_LONGEST_DATASET_DIGEST],
        source_type="local",
        source=json.dumps({"folder": "data/processed", "sha256": digests}),
        profile=json.dumps({"images": counts, "classes": len(model.classes)}),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "train+val")])


def _log_files(client: MlflowClient, run_id: str, model: FinishedModel) -> None:
    client.log_artifact(run_id, str(model.folder / "learning_curves.png"), "pictures")
    client.log_artifact(run_id, str(model.evaluation / "confusion_matrix.png"), "pictures")
    client.log_artifacts(run_id, str(model.evaluation), "evaluation")
    client.log_text(run_id, _environment(), "environment/requirements.txt")


def _environment() -> str:
    lines = sorted({f"{found.metadata['Name']}=={found.version}" for found in distributions()}, key=str.lower)
    return "\n".join([f"# python {platform.python_version()} on {platform.platform()}", *lines]) + "\n"
