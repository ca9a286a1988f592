"""A commit beside the project: as it was, with images lent, and gone afterwards."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pipeline.errors import NotRebuildable
from pipeline.rebuild.worktree import checkout, lend, put, run_stage, worktree


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A project in a folder of a repository, whose only commit has other parameters than the files that lie there now."""
    project = tmp_path / "repository/project"
    project.mkdir(parents=True)
    git(project, "init", "-q")
    (project / "params.yaml").write_text("committed")
    git(project, "add", ".")
    git(project, "commit", "-q", "-m", "start")
    (project / "params.yaml").write_text("changed")
    return project


def test_the_commit_is_beside_the_project_while_the_block_runs(repository: Path) -> None:
    with worktree(repository, git(repository, "rev-parse", "HEAD")) as project:
        assert (project / "params.yaml").read_text() == "committed"
        assert repository not in project.parents
    assert not project.exists() and len(git(repository, "worktree", "list").splitlines()) == 1
    assert (repository / "params.yaml").read_text() == "changed"


def test_a_commit_that_is_not_here_is_named(repository: Path) -> None:
    with (
        pytest.raises(NotRebuildable, match="commit 000000000000 is not in this"),
        worktree(repository, "0" * 40),
    ):
        pass


def test_recorded_files_and_lent_images_lie_where_the_project_expects_them(repository: Path, tmp_path: Path) -> None:
    source, project = tmp_path / "source", tmp_path / "project"
    for file, text in {
        source / "manifest.json": "{}",
        source / "results/search/best.yaml": "best",
        repository / "data/raw/a.png": "image",
        repository / "state/downloads/set.gz": "set",
        project / "data/raw/README.md": "of the commit",
    }.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    put(source, project)
    lend(repository, project, Path("data/raw"), repository / "state")
    assert (project / "results/search/best.yaml").read_text() == "best" and not (project / "manifest.json").exists()
    assert (project / "data/raw/a.png").read_text() == "image"
    assert (project / "state/downloads/set.gz").read_text() == "set"


def test_without_a_recorded_lock_dvc_has_nothing_to_give(repository: Path, tmp_path: Path) -> None:
    assert not checkout(repository, tmp_path, ["data/splits"])


def test_a_stage_that_fails_ends_the_rebuild(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline/__main__.py").write_text("import sys; print('no images', file=sys.stderr); sys.exit(3)")
    with pytest.raises(NotRebuildable, match="exit code 3"):
        run_stage(tmp_path, "ingest")
    assert "no images" in capfd.readouterr().err
