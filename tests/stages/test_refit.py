"""refit trains the winner on train + val and leaves a folder that says all about it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file

from pipeline import artifacts
from pipeline.errors import DigestMismatch, MissingFile, RefitDiverged, WrongValue
from pipeline.stages import refit
from pipeline.training.settings import RefitParams
from tests.projects import WINNER


def test_the_model_folder_is_complete_and_sealed(project: Path) -> None:
    manifest = artifacts.verify_manifest(Path("model"))

    forms = {"program.pt2", "model.onnx", "weights.safetensors", "samples.safetensors", "labels.json", "preprocessing.json"}
    assert set(manifest) == forms | {"model.json", "curves.csv", "learning_curves.png"}
    facts = artifacts.read_json(Path("model/model.json"))
    assert (facts["family"], facts["study_id"], facts["trial_key"]) == ("cnn", WINNER["study_id"], WINNER["trial_key"])
    assert facts["hyperparameters"]["train.learning_rate"] == 0.02 and "augment.flip" in facts["hyperparameters"]
    weights = load_file("model/weights.safetensors")
    assert facts["parameters"] == sum(tensor.numel() for tensor in weights.values())
    assert "test" not in facts["recipe"]["digests"]


def test_every_planned_epoch_is_trained_on_train_and_val(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert Path("model/curves.csv").read_text().splitlines()[0] == "epoch,train_loss"
    assert len(Path("model/curves.csv").read_text().splitlines()) == 1 + 4
    (project / "data/processed/val/labels.npy").write_bytes(b"changed")

    with pytest.raises(DigestMismatch):
        refit.run(RefitParams())


def test_the_same_seed_gives_identical_bytes_even_with_the_test_split_gone(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = _contents(project / "model")
    for file in (project / "data/processed/test").iterdir():
        file.unlink()

    refit.run(RefitParams())

    assert _contents(project / "model") == before
    assert "4 epochs on train + val" in capsys.readouterr().out


def test_another_seed_gives_another_model(project: Path) -> None:
    before = _contents(project / "model")
    refit.run(RefitParams(seed=1))
    assert _contents(project / "model")["program.pt2"] != before["program.pt2"]


def test_another_trial_of_the_front_is_refitted_when_it_is_named(project: Path) -> None:
    small = {**WINNER, "trial_number": 9, "trial_key": "abcdef01-0009"}
    small["hyperparameters"] = {**WINNER["hyperparameters"], "model.filters": 4}  # type: ignore[dict-item]
    Path("results/search/front.yaml").write_text(json.dumps({"trials": [WINNER, small]}))

    with pytest.raises(
        WrongValue, match=r"refit\.trial — trial 7 is not on the front — choose from 3, 9, or null for the winner"
    ):
        refit.run(RefitParams(trial=7))
    refit.run(RefitParams(trial=9))

    facts = artifacts.read_json(Path("model/model.json"))
    assert (facts["trial_key"], facts["hyperparameters"]["model.filters"]) == ("abcdef01-0009", 4)


def test_a_refit_that_diverges_is_named_and_leaves_no_half_model(project: Path) -> None:
    winner = WINNER | {"hyperparameters": WINNER["hyperparameters"] | {"train.optimizer": "sgd", "train.learning_rate": 10.0}}
    winner["hyperparameters"] |= {"model.num_conv_layers": 6, "model.pooling": "none", "train.epochs": 50}
    Path("results/search/best.yaml").write_text(json.dumps(winner))
    before = _contents(project / "model")

    with pytest.raises(RefitDiverged, match="abcdef01-0003"):
        refit.run(RefitParams())
    assert _contents(project / "model") == before


def test_a_missing_winner_is_named(project: Path) -> None:
    Path("results/search/best.yaml").unlink()
    with pytest.raises(MissingFile, match=r"best\.yaml"):
        refit.run(RefitParams())


def _contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}
