"""dvc.yaml says of each stage exactly what it reads; real DVC on a copy of the project re-runs what a change touches."""

from __future__ import annotations

import importlib
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from dvc.repo import Repo
from ruamel.yaml import YAML

from pipeline.commands.stage import STAGES
from pipeline.params import Params
from pipeline.study import store
from tests.browser import opened
from tests.imports import MODULES, NOT_BY_STATEMENT, PACKAGE, closure
from tests.repository import REPOSITORY

# Code that runs in every stage and is no dependency of any.
LEFT_OUT = {
    "pipeline": "names only what the package offers",
    "pipeline.addresses": "what people see of an address, which no output holds",
    "pipeline.mounts": "it refuses a place for a database, and changes nothing of what is written",
    "pipeline.errors": "a stage that raises writes nothing, so no wording of an error reaches an output",
    "pipeline.layout": "dvc.yaml names the same files: a moved one is another output",
}
NO_STAGE = ("cluster",)  # sections that say where stages run, so that nothing depends on them
PIPELINE: dict[str, Any] = YAML(typ="safe").load(REPOSITORY / "dvc.yaml")
SPACE = """
family: cnn
smallest_image: 8
hyperparameters:
  train.epochs: {type: int, low: 1, high: 2}
  train.batch_size: 128
  train.learning_rate: {type: float, low: 1e-3, high: 1e-2, log: true}
  model.num_conv_layers: 1
  model.filters: 4
"""
CHANGES = [
    ("params.yaml", ("bad_image_share: 0.01", "bad_image_share: 0.02"), "ingest"),
    ("params.yaml", ("val_share: 0.15", "val_share: 0.2"), "split"),
    ("params.yaml", ("copies: 0", "copies: 1"), "preprocess"),
    ("params.yaml", ("trials: 2", "trials: 3"), "search"),
    ("params.yaml", ("candidates: 3", "candidates: 4"), "search"),
    ("params.yaml", ("experiment: convoy", "experiment: other"), "search register"),
    ("params.yaml", ("refit:\n  seed: 0", "refit:\n  seed: 1"), "refit"),
    ("params.yaml", ("confidence: 0.95", "confidence: 0.9"), "evaluate"),
    ("params.yaml", ("name: auto", "name: other"), "register"),
    ("params.yaml", ("address: local", "address: auto"), ""),
    ("data/raw/cat.png", "an image", "ingest preprocess"),
    ("space.yaml", ("high: 2", "high: 3"), "search"),
    ("search_spaces/cnn.yaml", "# not the space in use", ""),
    ("data/processed/test/labels.npy", "x", "preprocess evaluate register"),
    ("pipeline/report/model_template.py", "x = 1", "evaluate"),
    ("reports/split_certificate.json", "x", "split evaluate register"),
    ("results/search/leaderboard.csv", "x", "search evaluate"),
    ("pipeline/data/sources/folder.py", "x = 1", "ingest preprocess"),
    ("pipeline/data/duplicates/clusters.py", "x = 1", "split"),
    ("pipeline/data/preparation/contrast.py", "x = 1", "preprocess search refit evaluate register"),
    ("pipeline/data/augmentation/color.py", "x = 1", "preprocess search refit"),
    ("pipeline/models/blocks.py", '"""Only words."""', "search refit evaluate register"),
    ("pipeline/models/a_new_family.py", "x = 1", "search refit evaluate register"),
    ("pipeline/models/__pycache__/blocks.cpython-311.pyc", "x", ""),
    ("pipeline/training/program.py", "x = 1", "refit evaluate register"),
    ("pipeline/search/stopping/asha.py", "x = 1", "search"),
    ("pipeline/tracking/project.py", "x = 1", "search"),
    ("pipeline/tracking/runs.py", "x = 1", "search register"),
    ("pipeline/tracking/served_model.py", "x = 1", "register"),
    ("pipeline/stages/split.py", "x = 1", "split"),
    ("pipeline/errors.py", "x = 1", ""),
    ("pipeline/commands/stage.py", "x = 1", ""),
]


def test_stages_are_modules_are_sections_are_commands() -> None:
    modules = [module for module in MODULES if module.startswith("pipeline.stages.")]

    assert tuple(PIPELINE["stages"]) == STAGES
    assert tuple(section.name for section in fields(Params)) == (*STAGES, *NO_STAGE)
    assert sorted(modules) == sorted(f"pipeline.stages.{name}" for name in STAGES)
    assert list(YAML(typ="safe").load(REPOSITORY / "params.yaml")) == [*STAGES, *NO_STAGE]
    assert not {name for stage in PIPELINE["stages"].values() for name in stage["params"]} & set(NO_STAGE)
    for name, stage in PIPELINE["stages"].items():
        assert stage["cmd"] == f"python -m pipeline {name}" and stage["params"][0] == name
        assert callable(importlib.import_module(f"pipeline.stages.{name}").run)


@pytest.mark.parametrize("stage", STAGES)
def test_the_code_a_stage_depends_on_is_the_code_it_runs(stage: str) -> None:
    listed = [path for path in PIPELINE["stages"][stage]["deps"] if path.startswith("pipeline")]
    runs = {MODULES[name] for name in closure(f"pipeline.stages.{stage}") - LEFT_OUT.keys() if MODULES[name].stat().st_size}

    found = {file for path in listed for file in _files(REPOSITORY / path)}
    assert {str(file) for file in found} == {str(file) for file in runs}
    assert listed == sorted(listed)


def test_what_is_left_out_is_known_and_empty_files_are_package_inits() -> None:
    assert LEFT_OUT.keys() <= MODULES.keys()
    empty = {file.name for file in MODULES.values() if not file.stat().st_size}
    assert empty == {"__init__.py"}


def test_nothing_is_run_without_an_import_statement_but_what_is_listed() -> None:
    tricks = ("import_module(", "__file__", "__import__(", "runpy")
    users = {name for name, file in MODULES.items() if any(trick in file.read_text() for trick in tricks)}
    assert users - {"pipeline.commands", "pipeline.commands.stage", "pipeline"} == NOT_BY_STATEMENT.keys()


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory: pytest.TempPathFactory, migrated_mlflow: Path) -> Iterator[Path]:
    """A copy of the project in git in which `dvc repro` has run, on two tiny trials; leave it as it is."""
    root = tmp_path_factory.mktemp("dvc") / "project"
    root.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        patch.setenv("DVC_NO_ANALYTICS", "1")
        patch.setenv("DVC_SITE_CACHE_DIR", str(root.parent / "site"))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        for name in ("AUTHOR", "COMMITTER"):
            patch.setenv(f"GIT_{name}_NAME", "test")
            patch.setenv(f"GIT_{name}_EMAIL", "test@example.org")
        _copy_project(root)
        shutil.copy(migrated_mlflow, root / "mlflow.db")
        _run(root, "git init -q")
        _run(root, "git add -A")
        _run(root, "git commit -q -m start")
        _run(root, "dvc repro")
        yield root


def test_all_that_a_run_leaves_is_either_in_git_or_ignored(reproduced: Path) -> None:
    new = _run(reproduced, "git ls-files --others --exclude-standard").split()

    results = ("evaluation/metrics.json", "registration.json", "search/summary.json")
    assert sorted(new) == ["dvc.lock", *(f"results/{name}" for name in results)]
    assert not _run(reproduced, "git diff --stat")


def test_a_second_run_does_nothing(reproduced: Path) -> None:
    output = _run(reproduced, "dvc repro")

    skipped = [f"Stage '{stage}' didn't change, skipping" for stage in STAGES]
    assert [line for line in output.splitlines() if line.startswith(("Stage", "Running"))] == skipped


@pytest.mark.parametrize(("file", "change", "stale"), CHANGES, ids=[f"{file} {new}" for file, new, _ in CHANGES])
def test_a_change_makes_stale_what_reads_it_and_nothing_else(
    reproduced: Path, monkeypatch: pytest.MonkeyPatch, file: str, change: str | tuple[str, str], stale: str
) -> None:
    monkeypatch.chdir(reproduced)
    path = Path(file)
    before = path.read_bytes() if path.exists() else None
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(_changed(before or b"", change))
    try:
        with Repo() as repo:
            assert set(repo.status()) == set(stale.split())
    finally:
        path.unlink() if before is None else path.write_bytes(before)


@pytest.mark.campaign  # half a minute; tests/rebuild/ has what it is made of
def test_the_registered_version_is_made_again_bit_for_bit(reproduced: Path) -> None:
    output = _run(reproduced, "python -m pipeline rebuild 1 --json")

    assert "packages as recorded" in output
    assert "data: train and val bit-identical, catalog and split from DVC" in output
    assert json.loads(output[output.rindex("\n{") :])["identical"] is True
    assert "result: bit-identical weights" in output and "files of the model folder are identical" in output
    assert len(_run(reproduced, "git worktree list").splitlines()) == 1


@pytest.mark.parametrize("command", ["metrics show", "exp show --no-pager", "params diff"])
def test_what_dvc_shows_works_on_the_results(reproduced: Path, command: str) -> None:
    shown = _run(reproduced, f"dvc {command}")

    if command == "metrics show":
        assert all(name in shown for name in ("test_accuracy", "val_accuracy", "search_optimism"))


def test_the_page_of_the_plots_is_the_one_that_its_script_writes() -> None:
    page = (REPOSITORY / ".dvc/plots.html").read_text()
    script = runpy.run_path(str(REPOSITORY / "docs/make_plots_page.py"))

    before, after = script["TEMPLATE"].split("<!-- SCRIPTS -->")
    assert page.startswith(before) and page.endswith(after)
    assert re.findall(r"<script>/\* ([\w-]+) ([\d.]+)\.", page) == list(script["SCRIPTS"].items())


def test_the_plots_are_on_a_page_that_needs_no_network(reproduced: Path) -> None:
    _run(reproduced, "dvc plots show")

    with opened() as (page, errors):
        page.context.set_offline(True)
        page.goto((reproduced / "dvc_plots/index.html").as_uri())
        for chart in ("search_history", "refit", "confusion"):
            page.locator(f"#{chart} canvas").wait_for()
        pictures = page.evaluate("() => [...document.images].map((one) => one.naturalWidth > 0)")

    assert pictures == [True] * len(PIPELINE["plots"][:4]) and errors == []


@pytest.mark.campaign  # half a minute more; tests/test_layout.py has where a copy keeps its state
def test_an_experiment_in_a_copy_continues_the_study_of_the_main_repository(reproduced: Path, tmp_path: Path) -> None:
    root = tmp_path / "project"
    shutil.copytree(reproduced, root, symlinks=True)
    for command in ("git add -A", "git commit -q -m results"):
        _run(root, command)

    output = _run(root, "dvc exp run --temp -S search.trials=3 search")

    studies = list((root / "state/studies").iterdir())
    assert f"study {studies[0].name} goes on with 2 trials so far" in output and len(studies) == 1
    trials = store.read(f"sqlite:///{root / 'state/studies.db'}", studies[0].name).trials
    assert [trial.state for trial in trials] == ["completed"] * 3
    assert re.findall("Running stage '(.*)'", output)[0] == "search"
    summary = json.loads((root / "results/search/summary.json").read_text())
    assert summary["trials"] == {"completed": 2}, "the workspace is as it was"
    assert summary["ended_by"] == "2 trials"


def _copy_project(root: Path) -> None:
    for name in ("pipeline", "search_spaces"):
        shutil.copytree(REPOSITORY / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (
        "dvc.yaml",
        ".dvc/.gitignore",
        ".dvc/config",
        ".dvc/plots.html",
        ".dvcignore",
        ".gitignore",
        "data/raw/README.md",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, root / name)
    (root / "space.yaml").write_text(SPACE)
    params = (REPOSITORY / "params.yaml").read_text()
    (root / "params.yaml").write_text(
        params.replace("search_spaces/cnn.yaml", "space.yaml").replace("trials: 20", "trials: 2").replace("seeds: 2", "seeds: 1")
    )


def _files(path: Path) -> list[Path]:
    """The modules with something in them that a dependency stands for."""
    assert path.is_relative_to(PACKAGE) and path.exists()
    return [file for file in (path.rglob("*.py") if path.is_dir() else [path]) if file.stat().st_size]


def _changed(content: bytes, change: str | tuple[str, str]) -> bytes:
    if isinstance(change, str):
        return content + f"\n{change}\n".encode()
    old, new = change
    assert content.count(old.encode()) == 1
    return content.replace(old.encode(), new.encode())


def _run(root: Path, command: str) -> str:
    """What `command` prints; the test fails with it when the command does."""
    done = subprocess.run(command.split(), cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}"
    return done.stdout
