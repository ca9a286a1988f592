"""`convoy check` looks at the source without the network: a named set that can be fetched is no problem."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from pipeline import mounts
from pipeline.check import check_all, question
from tests.sets import write_idx_set, write_zip

SPACE = Path(__file__).parents[1] / "search_spaces/cnn.yaml"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project as working directory, from which no connection can be opened."""

    def refuse(*_args: object) -> None:
        raise AssertionError("check must not use the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "dvc.yaml").touch()
    return tmp_path


def checked(root: Path, ingest: str, point: tuple[str, ...] = (), space: Path = SPACE) -> tuple[list[str], list[str]]:
    """Lines and problems of a check with this `ingest`."""
    (root / "params.yaml").write_text(f"ingest: {ingest}\nsearch: {{space: {space}}}\n")
    lines, problems = check_all(root, question(point, None, None))
    return lines, [str(problem) for problem in problems]


def test_a_named_set_that_is_not_there_would_be_downloaded(project: Path) -> None:
    lines, problems = checked(project, "{source: mnist}")
    assert problems == []
    assert f"mnist would be downloaded to {project / 'state/downloads/mnist'}" in lines


def test_without_downloads_it_is_a_problem(project: Path) -> None:
    lines, problems = checked(project, "{source: mnist, download: false}")
    assert [problem[:10] for problem in problems] == ["E306 mnist"]
    assert not any("downloaded" in line for line in lines)


def test_a_set_that_is_there_is_opened(project: Path) -> None:
    write_idx_set(project / "data/raw")
    lines, problems = checked(project, "{source: mnist}")
    assert problems == []
    assert not any("downloaded" in line for line in lines)


def test_a_hostile_archive_is_found_before_any_work(project: Path) -> None:
    write_zip(project / "pets.zip", {"../cat/0.png": b""})
    _, problems = checked(project, "{source: archive, path: pets.zip}")
    assert [problem[:4] for problem in problems] == ["E901"]


def test_databases_that_would_lie_on_a_network_file_system_are_found_before_any_work(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mounts, "file_system", lambda path, listed: ("nfs4", "/home"))
    _, problems = checked(project, "{source: digits}")
    assert [problem.partition(" at ")[0] for problem in problems] == ["E220 MLflow's database", "E220 the study"]


@pytest.mark.parametrize(("family", "layer", "other"), [("cnn", "max pool 1", "skip 1"), ("resnet", "skip 1", "max pool 1")])
def test_the_layers_shown_are_those_of_the_family_asked_for(project: Path, family: str, layer: str, other: str) -> None:
    lines, problems = checked(project, "{source: digits}", (f"family={family}",), SPACE.with_name("families.yaml"))
    assert problems == []
    assert f"space: {SPACE.with_name('families.yaml')}, families cnn, resnet, 30 hyperparameters" in lines
    layers = [line.strip() for line in lines]
    assert any(line.startswith(layer) for line in layers) and not any(line.startswith(other) for line in layers)
