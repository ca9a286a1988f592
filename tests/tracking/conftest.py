"""MLflow as a plain client sees it, empty or with a champion."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.tracking.finished import read_finished
from pipeline.tracking.registry import register
from tests.tracking.studies import Runs


@pytest.fixture
def runs(mlflow_uri: str) -> Runs:
    """What a plain client reads from this test's store."""
    return Runs(mlflow_uri)


@pytest.fixture
def registered(project: Path, mlflow_uri: str) -> str:
    """The address of a store in which `convoy-bands` has a champion."""
    register(read_finished(Path("model"), Path("results/evaluation")), "convoy-bands", mlflow_uri, "convoy")
    return mlflow_uri
