"""The project that a command stands in: its folder, where its MLflow is, what was searched and registered in it."""

from __future__ import annotations

import datetime
import os
import shlex
import subprocess
import sys
from pathlib import Path

from pipeline import artifacts, layout, params
from pipeline.cluster.settings import CONVOY_STUDY_URI, folder
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


def search_state(root: Path, parameters: Params) -> Path:
    """state/ of the searches: that of the main repository, or where jobs keep theirs, in a folder that is `cluster.storage`."""
    shared = folder(parameters.cluster.storage) if parameters.cluster.is_remote(os.environ) else None
    return layout.state(root) if shared is None else shared / "state"


def study_database(root: Path, parameters: Params) -> str:
    """The address of the database that holds the studies: cluster.study, else CONVOY_STUDY_URI, else SQLite in state/."""
    named = parameters.cluster.study or os.environ.get(CONVOY_STUDY_URI)
    return named or layout.study_database(search_state(root, parameters))


def searched_study() -> str | None:
    """The study of the present results; None when there are none, as while a search runs under DVC."""
    best = layout.SEARCH / "best.yaml"
    return str(YamlFile(best).data["study_id"]) if best.exists() else None


def registered_name(root: Path) -> str | None:
    """The name that `register` gave the model last; None before that."""
    registration = root / layout.REGISTRATION
    return str(artifacts.read_json(registration)["name"]) if registration.exists() else None


def registry(uri: str | None, name: str | None) -> tuple[str, str]:
    """Address and name of the registered model that is meant; inside a project both are known. Raises MissingFile."""
    root = layout.project_root(Path.cwd())
    if root is not None:
        uri = uri or tracking_uri(root, params.load(root / layout.PARAMS))
        name = name or registered_name(root)
    address = uri or os.environ.get("MLFLOW_TRACKING_URI")
    if address is None:
        remedy = "give --tracking-uri, set MLFLOW_TRACKING_URI, or run it in a project"
        raise MissingFile("the registry", why="no tracking address is known outside a project", remedy=remedy)
    if name is None:
        remedy = "write NAME/VERSION, or NAME where no version is asked for"
        raise MissingFile("the registered model", why="nothing was registered from here yet", remedy=remedy)
    return address, name


def commit() -> str:
    """The git commit of the working directory, with + behind it when files differ from it; empty outside git."""
    command = ["git", "describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # outside git there is none
    return done.stdout.strip()


def commit_of_code() -> str:
    """The git commit of the working directory, with + behind it when pipeline/ or dvc.yaml differ from it; empty outside git.

    Parameters, search space and dvc.lock may differ: they are kept with a registered model, and results in git change with it.
    """
    head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    if head.returncode:
        return ""
    command = ["git", "status", "--porcelain", "--", "pipeline", "dvc.yaml"]
    changed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return head.stdout.strip() + ("+" if changed.strip() else "")


def log(text: str) -> Path | None:
    """Append to state/convoy.log of the project; where it is, or None outside a project."""
    root = layout.project_root(Path.cwd())
    if root is None:
        return None
    file = layout.log(layout.state(root))
    artifacts.append_line(file, f"{datetime.datetime.now().astimezone().isoformat()} {shlex.join(sys.argv)}\n{text}")
    return file
