"""Real things that several tests share: an MLflow database whose schema is made once and copied."""

from __future__ import annotations

import contextlib
import gc
import os
import shutil
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.servers import Postgres

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # before anything imports mlflow


_LONGEST_FILES = ("test_dvc.py", "test_resume.py", "test_sealed.py", "test_run.py")  # first, so that no process idles at the end


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the files that take a minute or more before the others."""
    rank = {name: index for index, name in enumerate(_LONGEST_FILES)}
    items.sort(key=lambda item: rank.get(item.path.name, len(rank)))


@pytest.fixture(autouse=True, scope="module")
def what_is_there_stays() -> None:
    """A look for garbage takes seconds once torch, MLflow and Ray are loaded: what is there between two files is passed over."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def same_threads() -> Iterator[None]:
    """What stands in for a worker sets the threads of torch for its process; other tests compare bytes, which depend on them."""
    yield
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(len(os.sched_getaffinity(0)))


@pytest.fixture(scope="session")
def migrated_mlflow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database; creating its schema takes seconds."""
    from pipeline.tracking.connection import connect

    file = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    client = connect(f"sqlite:///{file}")
    client.search_experiments()
    return file


@pytest.fixture
def mlflow_uri(migrated_mlflow: Path, tmp_path: Path) -> str:
    """The address of an empty MLflow store of this test's own."""
    folder = tmp_path / "mlflow"
    folder.mkdir()
    shutil.copy(migrated_mlflow, folder / "mlflow.db")
    return f"sqlite:///{folder / 'mlflow.db'}"


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A PostgreSQL server that no test stops; each has a database of its own."""
    with Postgres(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def study_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty study database of this test's own, of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'new' / 'folder' / 'studies.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.create(uuid.uuid4().hex)


@pytest.fixture(scope="session")
def finished_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project folder of three small classes in which preprocess, search, refit and evaluate have run; do not change it."""
    from pipeline.stages import evaluate, refit
    from pipeline.training.settings import EvaluateParams, RefitParams
    from tests.projects import write_processed, write_winner

    folder = tmp_path_factory.mktemp("project")
    with contextlib.chdir(folder):
        write_processed(folder)
        write_winner(folder)
        refit.run(RefitParams())
        evaluate.run(EvaluateParams())
    return folder


@pytest.fixture
def project(finished_project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the finished project, as working directory."""
    folder = tmp_path / "project"
    shutil.copytree(finished_project, folder)
    monkeypatch.chdir(folder)
    return folder
