"""The test split decides nothing: neither its labels nor its pixels reach the search or the model."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from pipeline import artifacts, sealed
from pipeline.data.catalog.settings import IngestParams
from pipeline.data.catalog.table import read_images
from pipeline.data.images.decode import decode
from pipeline.data.preparation.recipe import PreprocessParams
from pipeline.data.preparation.steps import Denoise, Resize
from pipeline.data.split.assign import SplitParams
from pipeline.data.split.table import read_splits, to_bytes
from pipeline.errors import CertificateBroken, StageOutOfDate
from pipeline.stages import evaluate, ingest, preprocess, refit, split
from pipeline.training import program
from pipeline.training.settings import EvaluateParams, RefitParams
from tests import searches
from tests.folders import save
from tests.projects import CLASSES, images_of, write_winner

STEPS = (Denoise(filter="gaussian"), Resize(fit="stretch"))


def test_search_and_refit_give_identical_bytes_with_the_test_split_permuted_and_gone(
    tmp_path: Path, migrated_mlflow: Path
) -> None:
    whole, blind = tmp_path / "whole", tmp_path / "blind"
    for folder in (whole, blind):
        searches.write_project(folder, migrated_mlflow, trials=3, reselect={"candidates": 2})
    _hide_test_split(blind / "data/processed/test")

    for stage in ("search", "refit"):
        runs = [_start_on_one_core(folder, stage, core) for folder, core in ((whole, 0), (blind, -1))]
        assert [run.wait(200) for run in runs] == [0, 0], (blind / "output.txt").read_text()

    leaderboard = pd.read_csv(whole / "results/search/leaderboard.csv")
    assert len(leaderboard) == 3 and leaderboard["reselection_value"].count() == 2
    assert _outputs(blind) == _outputs(whole)
    assert {"results/search/best.yaml", "model/weights.safetensors", "model/program.pt2"} <= _outputs(whole).keys()


def test_the_registered_program_on_the_original_images_predicts_what_evaluate_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _write_bands(tmp_path / "data/raw", per_class=60)
    write_winner(tmp_path)
    ingest.run(IngestParams(source="folder"))
    split.run(SplitParams())
    preprocess.run(PreprocessParams(image_size=8, steps=STEPS))
    refit.run(RefitParams())
    evaluate.run(EvaluateParams())

    stored = pd.read_csv("results/evaluation/predictions.csv").set_index("digest")
    catalog = read_images(Path("data/catalog/catalog.parquet").read_bytes()).set_index("digest").loc[stored.index]
    model = program.load(Path("model/program.pt2").read_bytes())
    found = [model(_pixels(tmp_path / "data/raw" / path)).detach().numpy()[0] for path in catalog["path"]]

    assert np.allclose(stored[[f"p_{name}" for name in CLASSES]], found, atol=1e-5)
    assert list(stored["actual"]) == list(catalog["label"]) and len(stored) > 10


def test_another_model_is_measured_as_evaluate_measures_its_own(project: Path) -> None:
    stored = Path("results/evaluation/predictions.csv").read_bytes()
    assert sealed.measure_another(Path("model"), EvaluateParams().batch_size).predictions_csv() == stored


def test_a_model_that_wants_other_preparation_is_not_measured_on_these_images(project: Path) -> None:
    facts = artifacts.read_json(Path("model/model.json"))
    artifacts.write_json(Path("model/model.json"), facts | {"recipe": facts["recipe"] | {"image_size": 9}})
    with pytest.raises(StageOutOfDate, match="prepared with another image_size"):
        sealed.measure_another(Path("model"), batch_size=7)


def test_test_images_that_were_not_certified_are_not_opened_for_another_model(project: Path) -> None:
    file = Path("data/splits/splits.parquet")
    splits = read_splits(file.read_bytes())
    file.write_bytes(to_bytes(splits[splits["digest"] != "test0000"]))
    with pytest.raises(CertificateBroken):
        sealed.measure_another(Path("model"), batch_size=7)


def _start_on_one_core(folder: Path, stage: str, core: int) -> subprocess.Popen[str]:
    """One core is one worker, so that the trials come one after another."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(cores)[core]})  # what a process starts inherits it
    try:
        return searches.start(folder, stage)
    finally:
        os.sched_setaffinity(0, cores)


def _hide_test_split(folder: Path) -> None:
    labels = np.load(folder / "labels.npy")
    np.save(folder / "labels.npy", np.random.default_rng(0).permutation(labels))
    (folder / "images-00000.npy").unlink()
    (folder / "seal.json").unlink()


def _outputs(folder: Path) -> dict[str, bytes]:
    """Every file that search and refit wrote, the tables without the time things took."""
    files = [file for part in ("results/search", "model") for file in sorted((folder / part).iterdir())]
    return {str(file.relative_to(folder)): _lasting(file) for file in files}


def _lasting(file: Path) -> bytes:
    if file.suffix != ".csv":
        return file.read_bytes()
    return pd.read_csv(file, dtype=str).drop(columns="seconds", errors="ignore").to_csv().encode()


def _write_bands(root: Path, per_class: int) -> None:
    """Class folders of noisy 12×12 images: too large and too noisy to be what the network reads."""
    labels = np.arange(per_class * len(CLASSES)) % len(CLASSES)
    for number, (image, label) in enumerate(zip(images_of(labels, np.random.default_rng(1), side=12), labels, strict=True)):
        save(root / CLASSES[label] / f"{number:03}.png", image.transpose(1, 2, 0))


def _pixels(file: Path) -> torch.Tensor:
    """uint8 1×C×H×W, as `convoy predict` reads it."""
    return torch.from_numpy(decode(file.read_bytes()).pixels.transpose(2, 0, 1)[None].copy())
