"""Where things lie: every file that one stage writes and another reads, and the home of what outlives DVC's outputs."""

from __future__ import annotations

import os
from pathlib import Path

PARAMS = Path("params.yaml")

CATALOG = Path("data/catalog")  # catalog.parquet, rejects.csv, summary.json
SPLITS = Path("data/splits")  # splits.parquet, terms.json; kept by DVC from run to run
CERTIFICATE = Path("reports/split_certificate.json")  # and .html, the same for people
PROCESSED = Path("data/processed")  # recipe.json, train/, val/, test/
SAMPLES = Path("reports/samples.png")  # train images as decoded, as prepared and as copies change them
TEST_SEAL = PROCESSED / "test/seal.json"  # count and digest of the test split, apart from what search and refit read
SEARCH = Path("results/search")  # leaderboard.csv, best.yaml, front.yaml, history.csv, …
MODEL = Path("model")  # program.pt2, model.onnx, weights.safetensors, model.json, …, manifest.json with the sha256 of each
EVALUATION = Path("results/evaluation")  # metrics.json, predictions.csv, report.html, explainer.html, …
REGISTRATION = Path("results/registration.json")
REPORT = Path("results/report.html")  # that of the evaluation, with what the registry decided

_EXPERIMENT_COPIES = (".dvc", "tmp", "exps")  # where `dvc exp run --temp` and `--queue` put their copies


def project_root(start: Path) -> Path | None:
    """The nearest folder at or above `start` that holds dvc.yaml and params.yaml; None outside a project."""
    for folder in (start, *start.parents):
        if (folder / "dvc.yaml").is_file() and (folder / PARAMS).is_file():
            return folder
    return None


def home(root: Path) -> Path:
    """The main repository, also when `root` is a copy in which DVC runs an experiment."""
    parts = root.resolve().parts
    for index in range(len(parts) - len(_EXPERIMENT_COPIES)):
        if parts[index : index + len(_EXPERIMENT_COPIES)] == _EXPERIMENT_COPIES:
            return Path(*parts[:index])
    return root.resolve()


def state(root: Path) -> Path:
    """state/ of the main repository: the study database, checkpoints, locks. Never a DVC output."""
    return home(root) / "state"


def downloads(root: Path) -> Path:
    """Where the files of named sets are kept, and tar archives without their compression."""
    return state(root) / "downloads"


def log(state_folder: Path) -> Path:
    """Where the tracebacks of commands that ended with an error are."""
    return state_folder / "convoy.log"


def study_database(state_folder: Path) -> str:
    """The address of the database that holds every study."""
    return f"sqlite:///{state_folder / 'studies.db'}"


def default_tracking_uri(root: Path) -> str:
    """The MLflow store used when neither params.yaml nor MLFLOW_TRACKING_URI names another."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{home(root) / 'mlflow.db'}"
