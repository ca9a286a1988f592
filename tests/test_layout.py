from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import layout


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder that holds what makes a project."""
    for name in ("dvc.yaml", "params.yaml"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize("below", [".", "data", "data/processed/train"])
def test_the_project_is_found_from_any_folder_in_it(project: Path, below: str) -> None:
    (project / below).mkdir(parents=True, exist_ok=True)
    assert layout.project_root(project / below) == project


def test_the_nearest_of_nested_projects_is_meant(project: Path) -> None:
    copy = project / ".dvc/tmp/exps/tmpabc"
    copy.mkdir(parents=True)
    for name in ("dvc.yaml", "params.yaml"):
        (copy / name).touch()
    assert layout.project_root(copy) == copy


@pytest.mark.parametrize("missing", ["dvc.yaml", "params.yaml"])
def test_a_folder_without_one_of_its_files_is_no_project(project: Path, missing: str) -> None:
    (project / missing).unlink()
    assert layout.project_root(project) is None


@pytest.mark.parametrize("copy", [".", ".dvc/tmp/exps/tmpabc", ".dvc/tmp/exps/standalone/tmpabc"])
def test_state_lies_in_the_main_repository_also_when_dvc_works_in_a_copy(project: Path, copy: str) -> None:
    assert layout.home(project / copy) == project
    assert layout.state(project / copy) == project / "state"
    assert layout.default_tracking_uri(project / copy) == f"sqlite:///{project}/mlflow.db"


def test_another_folder_called_dvc_is_no_copy(project: Path) -> None:
    assert layout.home(project / ".dvc/tmp") == project / ".dvc/tmp"


def test_a_link_to_the_project_is_the_project(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    link = tmp_path_factory.mktemp("elsewhere") / "link"
    link.symlink_to(project)
    assert layout.state(link) == project / "state"


def test_the_environment_may_name_another_tracking_server(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://localhost:5000")
    assert layout.default_tracking_uri(project) == "http://localhost:5000"


def test_the_study_database_is_a_file_in_the_state_folder(project: Path) -> None:
    assert layout.study_database(project / "state") == f"sqlite:///{project}/state/studies.db"
