"""What it takes to make a model again is kept with its run, as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow import MlflowClient

from pipeline import artifacts
from pipeline.errors import DigestMismatch
from pipeline.tracking.origin import SOURCE_TAG, Origin, fetch_origin, log_origin


def test_the_files_come_back_where_they_lay_and_a_changed_one_is_noticed(
    mlflow_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    artifacts.write_text(Path("params.yaml"), "refit: {seed: 3}\n")
    artifacts.write_text(Path("results/search/best.yaml"), "trial_number: 1\n")
    artifacts.write_text(Path("requirements.lock"), "torch==2.13.0\n")
    origin = Origin(
        "c" * 40,
        {"refit": 3},
        (Path("params.yaml"), Path("results/search/best.yaml"), Path("dvc.lock"), Path("requirements.lock")),
    )
    client = MlflowClient(mlflow_uri, mlflow_uri)
    run = client.create_run(client.create_experiment("e", (tmp_path / "mlruns").as_uri())).info.run_id
    client.create_registered_model("m")
    version = client.create_model_version("m", "file:///nowhere", run, {SOURCE_TAG: log_origin(client, run, origin)})

    copy = fetch_origin(client, version, tmp_path)
    assert (copy / "results/search/best.yaml").read_text() == "trial_number: 1\n"
    assert sorted(str(path.relative_to(copy)) for path in copy.rglob("*") if path.is_file()) == [
        "manifest.json",
        "params.yaml",
        "requirements.lock",
        "results/search/best.yaml",
    ]
    (stored,) = (tmp_path / "mlruns").rglob("params.yaml")
    stored.write_text("refit: {seed: 4}\n")
    with pytest.raises(DigestMismatch, match=r"params\.yaml"):
        fetch_origin(client, version, tmp_path / "again")


def test_what_is_not_known_is_called_unknown() -> None:
    assert Origin().tags() == {"convoy.commit": "unknown", "convoy.seeds": "{}"}
