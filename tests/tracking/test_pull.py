"""A registered model is fetched as plain files, checked, and put in place whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow import MlflowClient

from pipeline import artifacts
from pipeline.errors import DigestMismatch, ModelNotFound, TrackingUnreachable, WrongValue
from pipeline.tracking.pull import pull


@pytest.mark.parametrize("name", ["convoy-bands", None])
def test_the_champion_is_fetched_by_its_name_or_because_it_is_the_only_one(
    registered: str, tmp_path: Path, name: str | None
) -> None:
    pulled = pull(registered, name, "champion", tmp_path / "deep/champion")

    manifest = artifacts.verify_manifest(tmp_path / "deep/champion")
    assert manifest == artifacts.read_json(Path("model/manifest.json"))
    assert (pulled.name, pulled.version, pulled.folder) == ("convoy-bands", "1", str(tmp_path / "deep/champion"))
    assert artifacts.read_json(tmp_path / "deep/champion/pulled.json")["model_digest"] == pulled.model_digest
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["champion"]


def test_a_former_pull_and_an_empty_folder_are_replaced_whole(registered: str, tmp_path: Path) -> None:
    folder = tmp_path / "champion"
    folder.mkdir()
    pull(registered, None, "champion", folder)
    (folder / "stale").touch()

    pull(registered, None, "champion", folder)

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
        pull(registered, None, "champion", mine)
    assert (mine / "notes.txt" if is_folder else mine).read_text() == "keep"


def test_a_file_changed_in_the_store_is_noticed_and_a_former_pull_stays(registered: str, tmp_path: Path) -> None:
    pull(registered, None, "champion", tmp_path / "champion")
    before = (tmp_path / "champion/program.pt2").read_bytes()
    for stored in (tmp_path / "mlflow/mlruns").rglob("program.pt2"):
        stored.write_bytes(stored.read_bytes()[:-1])

    with pytest.raises(DigestMismatch, match=r"program\.pt2"):
        pull(registered, None, "champion", tmp_path / "champion")
    assert (tmp_path / "champion/program.pt2").read_bytes() == before


def test_a_manifest_changed_with_its_files_is_noticed(registered: str, tmp_path: Path) -> None:
    for stored in (tmp_path / "mlflow/mlruns").rglob("manifest.json"):
        (stored.parent / "curves.csv").write_text("epoch\n")
        artifacts.write_manifest(stored.parent)

    with pytest.raises(DigestMismatch, match="convoy-bands version 1"):
        pull(registered, None, "champion", tmp_path / "champion")
    assert not (tmp_path / "champion").exists()


@pytest.mark.parametrize(
    ("name", "alias", "message"),
    [
        ("convoy-brands", "champion", "registered are convoy-bands"),
        ("convoy-bands", "challenger", "its aliases are champion"),
    ],
)
def test_a_name_or_alias_that_is_not_there_is_answered_with_those_that_are(
    registered: str, tmp_path: Path, name: str, alias: str, message: str
) -> None:
    with pytest.raises(ModelNotFound, match=message):
        pull(registered, name, alias, tmp_path / "champion")


def test_several_models_without_a_name_are_listed(registered: str, tmp_path: Path) -> None:
    MlflowClient(registered).create_registered_model("another")
    with pytest.raises(ModelNotFound, match="another, convoy-bands"):
        pull(registered, None, "champion", tmp_path / "champion")


def test_an_empty_registry_says_so(mlflow_uri: str, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="nothing is registered yet"):
        pull(mlflow_uri, None, "champion", tmp_path / "champion")


def test_a_store_that_is_away_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrackingUnreachable):
        pull(f"sqlite:///{tmp_path}", None, "champion", tmp_path / "champion")
