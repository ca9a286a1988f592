"""Hand-made studies, and MLflow as a plain client sees it."""

from __future__ import annotations

from dataclasses import replace

from mlflow import MlflowClient
from mlflow.entities import Run

from pipeline.study.records import Rerun, State, StudySnapshot, TrialRecord
from pipeline.training.metrics import EpochMetrics

BEGUN = 1_700_000_000.25  # unix seconds


def epoch(number: int) -> EpochMetrics:
    return EpochMetrics(number, 1.0 / number, 1.1 / number, 0.5 + number / 100, 0.5, 0.5, 0.5, 0.2)


def trial(number: int, state: State = "completed", epochs: int = 3, reason: str = "") -> TrialRecord:
    curve = tuple(epoch(index + 1) for index in range(epochs))
    return TrialRecord(
        key=f"abcdef01-{number:04d}",
        number=number,
        state=state,
        hyperparameters={"train.epochs": 3, "train.learning_rate": 0.001, "model.skip": False},
        seed=7,
        value=curve[-1].val_accuracy if state == "completed" else None,
        reason=reason,
        started_at=BEGUN + number,
        ended_at=None if state in ("running", "interrupted") else BEGUN + number + 10,
        epochs=curve,
        committed_at=tuple(BEGUN + number + one.epoch for one in curve),
    )


def rerun(trial: TrialRecord) -> Rerun:
    """The trial's second training with a new seed."""
    return Rerun(replace(trial, key=f"{trial.key}-s1", seed=8), trial.key, 1)


def study(*trials: TrialRecord, finished: bool = False) -> StudySnapshot:
    return StudySnapshot(
        study_id="abcdef0123456789",
        created_at=BEGUN,
        metric="val_accuracy",
        identity={"data": "d" * 64, "space": "e" * 64},
        facts={"commit": "f" * 40, "space": "search_spaces/cnn.yaml", "data": "digits"},
        trials=trials,
        finished=finished,
    )


def several(*trials: TrialRecord) -> StudySnapshot:
    """A study that wants few parameters, too."""
    one = study(*trials)
    return replace(one, identity={**one.identity, "objectives": "parameters"})


def finished(snapshot: StudySnapshot) -> StudySnapshot:
    return replace(snapshot, finished=True)


class Runs:
    """What a plain MLflow client reads, by trial key."""

    def __init__(self, uri: str) -> None:
        self.uri, self.client = uri, MlflowClient(uri)

    def all(self, experiment: str = "convoy") -> list[Run]:
        found = self.client.get_experiment_by_name(experiment)
        return [] if found is None else list(self.client.search_runs([found.experiment_id], max_results=5000))

    def by_key(self) -> dict[str, Run]:
        return {run.data.tags["convoy.trial_key"]: run for run in self.all()}

    def everything(self) -> list[dict[str, object]]:
        """All that MLflow knows of every run, histories included, without run ids and update times."""
        return [
            {
                "info": dict(run.info),
                "tags": run.data.tags,
                "params": run.data.params,
                "histories": {name: self.history(run, name) for name in run.data.metrics},
            }
            for run in sorted(self.all(), key=lambda run: run.info.run_id)
        ]

    def history(self, run: Run, name: str) -> list[tuple[int, int, float]]:
        return [(point.step, point.timestamp, point.value) for point in self.client.get_metric_history(run.info.run_id, name)]
