"""Imports go down the layers, each large library has its door, and a command loads only what it needs."""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.data.catalog.settings import IngestParams
from pipeline.stages import ingest
from tests import repository
from tests.imports import MODULES, PACKAGE, Import, closure, imports

# From the top down; parts in one row know nothing of each other.
LAYERS = [
    ["pipeline.__main__"],
    ["pipeline.commands"],
    ["pipeline.check", "pipeline.planning", "pipeline.preview", "pipeline.rebuild", "pipeline.serving", "pipeline.stages"],
    ["pipeline.params"],
    ["pipeline.search"],
    ["pipeline.cluster"],
    ["pipeline.tracking"],
    ["pipeline.study"],
    ["pipeline.sealed"],
    ["pipeline.report", "pipeline.prediction"],
    ["pipeline.explain", "pipeline.measurement", "pipeline.paired"],
    ["pipeline.bootstrap", "pipeline.calibration"],
    ["pipeline.outcomes", "pipeline.looks"],
    ["pipeline.artifacts"],
    ["pipeline.training"],
    ["pipeline.data", "pipeline.models"],
    ["pipeline.layout", "pipeline.clocks", "pipeline.config", "pipeline.mounts", "pipeline.timing", "pipeline.trained_on"],
    ["pipeline.errors", "pipeline.addresses"],
]
DEPTH = {part: depth for depth, row in enumerate(LAYERS) for part in row}
DOORS = {
    "mlflow": ["pipeline.tracking"],
    "ray": [
        "pipeline.cluster.gcs",
        "pipeline.cluster.job_server",
        "pipeline.cluster.raylet",
        "pipeline.search.execution.cluster_nodes",
        "pipeline.search.execution.forking_process",
        "pipeline.search.execution.joined_ray",
        "pipeline.search.execution.joining",
        "pipeline.search.execution.local_ray",
        "pipeline.search.execution.node_clocks",
        "pipeline.search.execution.node_tasks",
        "pipeline.search.execution.ray_board",
        "pipeline.search.execution.ray_environment",
        "pipeline.search.execution.ray_nodes",
        "pipeline.search.execution.ray_processes",
        "pipeline.search.execution.ray_thread",
        "pipeline.search.execution.supply",
        "pipeline.search.execution.tuner",
        "pipeline.search.execution.worker",
    ],
    "grpc": ["pipeline.cluster.gcs", "pipeline.cluster.raylet"],
    "optuna": ["pipeline.study", "pipeline.search"],
    "sqlalchemy": ["pipeline.study"],
    "PIL": ["pipeline.data.images", "pipeline.report.samples"],  # which draws, and decodes nothing
    "simplejpeg": ["pipeline.data.images.jpeg"],
    "sklearn": ["pipeline.data.sources.digits", "pipeline.report.score_charts", "pipeline.search.importance"],
    "captum": ["pipeline.explain.saliency"],
    "matplotlib": ["pipeline.report"],
    "rich": ["pipeline.search.live"],
    "requests": ["pipeline.data.sources.reading.transfer", "pipeline.cluster.job_server"],
    "tempfile": [
        "pipeline.cluster.jobs",
        "pipeline.cluster.working_tree",
        "pipeline.artifacts",
        "pipeline.prediction.lighten",
        "pipeline.tracking.pull",
        "pipeline.tracking.tested",
        "pipeline.tracking.champion_later",
        "pipeline.tracking.origin",
        "pipeline.rebuild",
        "pipeline.search.execution.cluster_nodes",
        "pipeline.search.execution.worker_forks",
    ],
    "onnxruntime": ["pipeline.training.engines", "pipeline.prediction.model", "pipeline.prediction.lighten"],
    "fastapi": ["pipeline.serving"],
    "uvicorn": ["pipeline.commands.serve"],
    "prometheus_client": ["pipeline.serving.counts"],
    "pickle": [],
}
WRITING = {"write_text", "write_bytes"}
# What reads configuration, splits data, decides what to try or keeps the study never waits for torch.
TORCH_FREE = [
    "pipeline.__main__",
    "pipeline.artifacts",
    "pipeline.bootstrap",
    "pipeline.data.catalog.table",
    "pipeline.data.preparation.packed",
    "pipeline.data.preparation.recipe",
    "pipeline.data.split.assign",
    "pipeline.report.figures",
    "pipeline.models.cnn",
    "pipeline.params",
    "pipeline.prediction.predict",
    "pipeline.search.conductor",
    "pipeline.search.leaderboard",
    "pipeline.search.run",
    "pipeline.search.execution.tuner",
    "pipeline.stages.ingest",
    "pipeline.stages.register",
    "pipeline.stages.search",
    "pipeline.stages.split",
    "pipeline.study.store",
    "pipeline.tracking.follow",
    "pipeline.serving.app",
    "pipeline.tracking.pull",
    "pipeline.training.hyperparameters",
]
NAMES = {file: name for name, file in MODULES.items()}
STATEMENTS = [statement for file in MODULES.values() for statement in imports(file)]


def test_every_module_has_its_layer() -> None:
    assert [name for name in MODULES if name != "pipeline" and _part(name) not in DEPTH] == []


def test_imports_go_down() -> None:
    def rises(statement: Import) -> bool:
        here, there = _part(NAMES[statement.file]), _part(statement.module)
        return there in DEPTH and here in DEPTH and here != there and DEPTH[there] <= DEPTH[here]

    assert [str(statement) for statement in STATEMENTS if rises(statement)] == []


def test_no_module_needs_itself() -> None:
    needs = {name: {other.module for other in imports(file) if other.module in MODULES} for name, file in MODULES.items()}
    graphlib.TopologicalSorter(needs).prepare()


@pytest.mark.parametrize(("library", "door"), DOORS.items())
def test_a_library_is_imported_at_its_door_alone(library: str, door: list[str]) -> None:
    found = [s for s in STATEMENTS if s.module.split(".")[0] == library]
    strangers = [s for s in found if not any(f"{NAMES[s.file]}.".startswith(f"{part}.") for part in door)]
    assert [str(statement) for statement in strangers] == []
    assert found or not door


def test_files_are_written_through_artifacts_alone() -> None:
    nodes = [(file, node) for file in MODULES.values() for node in ast.walk(ast.parse(file.read_text()))]
    writing = [(file, node) for file, node in nodes if isinstance(node, ast.Attribute) and node.attr in WRITING]
    assert [f"{file}:{node.lineno}" for file, node in writing if ast.unparse(node.value) != "artifacts"] == []


def test_package_inits_are_empty_but_those_that_say_what_a_package_offers() -> None:
    inits = [file for file in MODULES.values() if file.name == "__init__.py"]
    full = [str(file.parent.relative_to(PACKAGE.parent)) for file in inits if file.read_bytes()]
    registries = [
        "pipeline/commands",
        "pipeline/data/sources",
        "pipeline/models",
        "pipeline/search/samplers",
        "pipeline/search/stopping",
    ]
    vocabulary = "pipeline/models/layers"  # of which whoever adds a family writes it
    assert full == sorted(["pipeline", *registries, vocabulary])


@pytest.mark.parametrize("name", TORCH_FREE)
def test_importing_it_does_not_import_torch(name: str) -> None:
    def early(name: str, seen: set[str]) -> set[str]:
        for other in imports(MODULES[name]):
            if not other.late and other.module not in seen:
                seen.add(other.module)
                if other.module in MODULES:
                    early(other.module, seen)
        return seen

    assert "torch" not in {module.split(".")[0] for module in early(name, set())}


@pytest.mark.parametrize(
    ("stage", "never"),
    [
        ("ingest", "torch ray mlflow optuna sqlalchemy matplotlib"),
        ("split", "torch ray mlflow optuna sqlalchemy matplotlib"),
        ("preprocess", "ray mlflow optuna sqlalchemy"),
        ("refit", "ray mlflow optuna sqlalchemy"),
        ("evaluate", "ray mlflow optuna sqlalchemy"),
        ("register", "ray optuna sqlalchemy"),
    ],
)
def test_nothing_a_stage_runs_imports_what_it_does_not_need(stage: str, never: str) -> None:
    found = [s for name in sorted(closure(f"pipeline.stages.{stage}")) for s in imports(MODULES[name])]
    assert [str(statement) for statement in found if statement.module.split(".")[0] in never.split()] == []


@pytest.mark.parametrize("command", ["--help", "split"])
def test_a_command_loads_neither_ray_nor_mlflow_nor_torch(catalog: Path, command: str) -> None:
    assert not _loaded(catalog, command) & {"torch", "ray", "mlflow", "optuna", "sqlalchemy", "sklearn", "scipy", "matplotlib"}


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project on the embedded images in which ingest has run."""
    monkeypatch.chdir(tmp_path)
    Path("dvc.yaml").touch()
    Path("params.yaml").write_text("ingest: {source: digits}\n")
    ingest.run(IngestParams())
    return tmp_path


def _loaded(root: Path, command: str) -> set[str]:
    """The packages that the command has imported at its end, whatever its exit code."""
    code = "\n".join(
        [
            "import sys",
            "from pipeline.__main__ import main",
            "try: code = main()",
            "except SystemExit as end: code = end.code",
            "print('code', code, *{name.split('.')[0] for name in sys.modules})",
        ]
    )
    environment = repository.environment()
    run = [sys.executable, "-c", code, *command.split()]
    done = subprocess.run(run, cwd=root, env=environment, capture_output=True, text=True, check=True)
    label, status, *names = done.stdout.splitlines()[-1].split()
    assert (label, status) == ("code", "0"), done.stderr
    return set(names)


def _part(name: str) -> str:
    """`pipeline.data` for pipeline.data.images.decode."""
    return ".".join(name.split(".")[:2])
