"""A registered model is fetched as plain files, checked, and put in place whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow import MlflowClient

from pipeline import artifacts
from pipeline.errors import DigestMismatch, ExportDiffers, ModelNotFound, TrackingUnreachable, WrongValue
from pipeline.tracking.pull import fetched, pull
from pipeline.tracking.reference import Reference, parse


@pytest.fixture(autouse=True)
def tried(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders that were tried in a process of their own, which takes seconds; test_reproduce.py and test_commands.py do."""
    folders: list[Path] = []
    monkeypatch.setattr("pipeline.tracking.pull.reproduce", folders.append)
    return folders


@pytest.mark.parametrize("meant", [Reference("convoy-bands"), Reference(), Reference("convoy-bands", version="1")])
def test_the_champion_is_fetched_by_its_name_its_version_or_because_it_is_the_only_one(
    registered: str, tmp_path: Path, meant: Reference, tried: list[Path]
) -> None:
    pulled = pull(registered, meant, tmp_path / "deep/champion")

    manifest = artifacts.verify_manifest(tmp_path / "deep/champion")
    assert manifest == artifacts.read_json(Path("model/manifest.json"))
    assert (pulled.name, pulled.version, pulled.folder) == ("convoy-bands", "1", str(tmp_path / "deep/champion"))
    assert artifacts.read_json(tmp_path / "deep/champion/pulled.json")["model_digest"] == pulled.model_digest
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["champion"] and len(tried) == 1


def test_the_description_of_the_version_comes_along_as_the_card(registered: str, tmp_path: Path) -> None:
    MlflowClient(registered).update_model_version("convoy-bands", "1", "# Bands\n\nTells where it is bright.")
    pull(registered, Reference(), tmp_path / "champion")
    assert (tmp_path / "champion/README.md").read_text().startswith("# Bands\n\nTells")


def test_a_former_pull_and_an_empty_folder_are_replaced_whole(registered: str, tmp_path: Path) -> None:
    folder = tmp_path / "champion"
    folder.mkdir()
    pull(registered, Reference(), folder)
    (folder / "stale").touch()

    pull(registered, Reference(), folder)

    assert not (folder / "stale").exists() and (folder / "program.pt2").is_file()


@pytest.mark.parametrize("is_folder", [True, False])
def test_what_is_not_a_former_pull_is_never_overwritten(registered: str, tmp_path: Path, is_folder: bool) -> None:
    mine = tmp_path / "mine"
    if is_folder:
        mine.mkdir()
        (mine / "notes.txt").write_text("keep")
    else:
        mine.write_text("keep")

    with pytest.raises(WrongValue, match="new or empty folder"):
        pull(registered, Reference(), mine)
    assert (mine / "notes.txt" if is_folder else mine).read_text() == "keep"


def test_a_file_changed_in_the_store_is_noticed_and_a_former_pull_stays(registered: str, tmp_path: Path) -> None:
    pull(registered, Reference(), tmp_path / "champion")
    before = (tmp_path / "champion/program.pt2").read_bytes()
    for stored in (tmp_path / "mlflow/mlruns").rglob("program.pt2"):
        stored.write_bytes(stored.read_bytes()[:-1])

    with pytest.raises(DigestMismatch, match=r"program\.pt2"):
        pull(registered, Reference(), tmp_path / "champion")
    assert (tmp_path / "champion/program.pt2").read_bytes() == before


def test_a_manifest_changed_with_its_files_is_noticed(registered: str, tmp_path: Path) -> None:
    for stored in (tmp_path / "mlflow/mlruns").rglob("manifest.json"):
        (stored.parent / "curves.csv").write_text("epoch\n")
        artifacts.write_manifest(stored.parent)

    with pytest.raises(DigestMismatch, match="convoy-bands version 1"):
        pull(registered, Reference(), tmp_path / "champion")
    assert not (tmp_path / "champion").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("convoy-brands", "registered are convoy-bands"),
        ("convoy-bands@challenger", "its aliases are champion"),
        ("convoy-bands/7", "there is no version 7 — its versions are 1"),
    ],
)
def test_a_name_alias_or_version_that_is_not_there_is_answered_with_those_that_are(
    registered: str, tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(ModelNotFound, match=message):
        pull(registered, parse(text), tmp_path / "champion")


def test_a_model_that_answers_otherwise_here_is_not_put_in_place(
    registered: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def differs(folder: Path) -> None:
        raise ExportDiffers("the model", why="it does", remedy="none")

    monkeypatch.setattr("pipeline.tracking.pull.reproduce", differs)  # which test_reproduce.py shows to find it out
    with pytest.raises(ExportDiffers):
        pull(registered, Reference(), tmp_path / "new/champion")
    assert list((tmp_path / "new").iterdir()) == []


def test_a_model_fetched_for_a_time_is_gone_afterwards(registered: str) -> None:
    with fetched(registered, Reference()) as model:
        assert (model.folder / "model.onnx").is_file() and str(model.version.version) == "1"
    assert not model.folder.exists()


def test_several_models_without_a_name_are_listed(registered: str, tmp_path: Path) -> None:
    MlflowClient(registered).create_registered_model("another")
    with pytest.raises(ModelNotFound, match="another, convoy-bands"):
        pull(registered, Reference(), tmp_path / "champion")


def test_an_empty_registry_says_so(mlflow_uri: str, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="nothing is registered yet"):
        pull(mlflow_uri, Reference(), tmp_path / "champion")


def test_a_store_that_is_away_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrackingUnreachable):
        pull(f"sqlite:///{tmp_path}", Reference(), tmp_path / "champion")
