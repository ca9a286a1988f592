"""What makes work that is sent away the same work: what dvc.yaml says that the stage depends on, and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from pipeline.cluster.work import files_of, work
from pipeline.errors import MissingFile, UnknownName, WrongValue

DVC = """
stages:
  search:
    cmd: python -m pipeline search
    deps: ["${search.space}", data/processed/train, pipeline/search, pipeline/artifacts.py]
    params: [search]
    outs: [results/best.yaml]
    metrics: [results/summary.json: {cache: false}]
"""
PARAMETERS = {"search": {"space": "spaces/cnn.yaml", "trials": 4}, "register": {"name": "auto"}}
FILES = ("spaces/cnn.yaml", "data/processed/train/0.npy", "pipeline/search/run.py", "pipeline/artifacts.py", "pipeline/layout.py")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "dvc.yaml").write_text(DVC)
    return tmp_path


def _key(root: Path, parameters: dict[str, Any] = PARAMETERS) -> str:
    return work("search", root, root / "pipeline", parameters).key(root, root / "pipeline")


def test_a_stage_reads_and_writes_what_dvc_yaml_lists(root: Path) -> None:
    found = work("search", root, root / "pipeline", PARAMETERS)
    assert found.reads == ("data/processed/train/0.npy", "spaces/cnn.yaml")
    assert found.code == ("pipeline/artifacts.py", "pipeline/search/run.py")
    assert found.writes == ("results/best.yaml", "results/summary.json")
    assert found.parameters == {"search": PARAMETERS["search"]}


@pytest.mark.parametrize("name", FILES)
def test_a_change_of_what_it_depends_on_is_other_work(root: Path, name: str) -> None:
    before = _key(root)
    (root / name).write_text("changed")
    assert (_key(root) == before) == (name == "pipeline/layout.py")


def test_its_own_parameters_count_and_those_of_other_stages_do_not(root: Path) -> None:
    before = _key(root)
    assert _key(root, PARAMETERS | {"register": {"name": "other"}}) == before
    assert _key(root, PARAMETERS | {"search": {"space": "spaces/cnn.yaml", "trials": 5}}) != before


def test_the_code_may_lie_outside_the_project(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    before, elsewhere = _key(root), tmp_path_factory.mktemp("checkout")
    shutil.move(root / "pipeline", elsewhere)
    assert work("search", root, elsewhere / "pipeline", PARAMETERS).key(root, elsewhere / "pipeline") == before


@pytest.mark.parametrize("path", ["/etc/hosts", "../elsewhere"])
def test_a_path_outside_the_project_is_refused(root: Path, path: str) -> None:
    (root / "dvc.yaml").write_text(DVC.replace("data/processed/train", path))
    with pytest.raises(WrongValue, match="outside the project"):
        _key(root)


def test_what_is_missing_is_named(root: Path) -> None:
    with pytest.raises(MissingFile, match=r"results/best\.yaml"):
        files_of(root, ("results/best.yaml",))
    with pytest.raises(UnknownName, match="did you mean search"):
        work("serach", root, root / "pipeline", PARAMETERS)
