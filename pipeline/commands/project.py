"""The project that a command stands in: its folder, where its MLflow is, what was searched and registered in it."""

from __future__ import annotations

import datetime
import os
import shlex
import subprocess
import sys
from pathlib import Path

from pipeline import artifacts, layout
from pipeline.config import YamlFile
from pipeline.errors import MissingFile
from pipeline.params import Params


def enter() -> Path:
    """Make the project's folder the working directory; raises MissingFile outside a project."""
    root = layout.project_root(Path.cwd())
    if root is None:
        remedy = "change into the folder that holds them"
        raise MissingFile("a project", where=str(Path.cwd()), why="no dvc.yaml and params.yaml here or above", remedy=remedy)
    os.chdir(root)
    return root


def tracking_uri(root: Path, parameters: Params) -> str:
    """search.tracking_uri, else MLFLOW_TRACKING_URI, else mlflow.db of the main repository."""
    return parameters.search.tracking_uri or layout.default_tracking_uri(root)


def searched_study() -> str | None:
    """The study of the present results; None when there are none, as while a search runs under DVC."""
    best = layout.SEARCH / "best.yaml"
    return str(YamlFile(best).data["study_id"]) if best.exists() else None


def registered_name(root: Path) -> str | None:
    """The name that `register` gave the model last; None before that."""
    registration = root / layout.REGISTRATION
    return str(artifacts.read_json(registration)["name"]) if registration.exists() else None


def commit() -> str:
    """The git commit of the working directory, with + behind it when files differ from it; empty outside git."""
    command = ["git", "describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # outside git there is none
    return done.stdout.strip()


def log(text: str) -> Path | None:
    """Append to state/convoy.log of the project; where it is, or None outside a project."""
    root = layout.project_root(Path.cwd())
    if root is None:
        return None
    file = layout.state(root) / "convoy.log"
    artifacts.append_line(file, f"{datetime.datetime.now().astimezone().isoformat()} {shlex.join(sys.argv)}\n{text}")
    return file
