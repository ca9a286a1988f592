"""What each command does: find the project, read its parameters, call the part that knows."""

from __future__ import annotations

import datetime
import importlib
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pipeline import artifacts, layout, params
from pipeline.config import YamlFile
from pipeline.errors import ImageRefused, MissingFile, raise_all
from pipeline.params import Params


def run_stage(name: str) -> None:
    """Run one stage in the project's folder with its section of params.yaml."""
    root = enter_project()
    parameters = params.load(layout.PARAMS)
    stage = importlib.import_module(f"pipeline.stages.{name}")
    stage.run(getattr(parameters, name), **_circumstances(name, parameters, root))


def check(point: Sequence[str], image: str | None, classes: int | None) -> None:
    """Print what a run would do with the layer table of a configuration, then everything that is wrong, at once."""
    root = enter_project()
    from pipeline.check import check_all, question

    lines, problems = check_all(root, question(point, image, classes))
    print("\n".join(lines))
    raise_all(problems)


def preview(point: Sequence[str], origin: Literal["space", "copies"], count: int, output: Path) -> None:
    """Write a picture of train images before and after augmentation."""
    output = output.absolute()
    enter_project()
    from pipeline import preview as previewing
    from pipeline.check import question

    picture = previewing.preview(params.load(layout.PARAMS), origin, question(point, None, None).point, count)
    artifacts.write_bytes(output, picture)
    print(f"preview: {output}")


def plan() -> None:
    """Print what a search would take: trials, time, disk, money."""
    root = enter_project()
    parameters = params.load(layout.PARAMS)
    from pipeline.planning.plan import plan as lines

    print("\n".join(lines(parameters.search, layout.state(root))))


def status() -> None:
    """Print what `register` concluded last, what else the search left to choose from, and what to do next."""
    enter_project()
    from pipeline.report import front
    from pipeline.stages import register

    summary = layout.SEARCH / "summary.json"
    others = front.lines(artifacts.read_json(summary)) if summary.exists() else []
    print("\n".join([*others, register.conclusion()]))


def sync() -> None:
    """Make MLflow equal to the study that the present results come from, or to the latest."""
    root = enter_project()
    parameters = params.load(layout.PARAMS)
    from pipeline.study import store
    from pipeline.tracking.project import project

    url = layout.study_database(layout.state(root))
    latest = store.latest(url)
    if latest is None:
        raise MissingFile("a study", where=url, why="nothing was searched here yet", remedy="run `dvc repro` first")
    searched = _searched_study()
    study_id = searched if searched and store.known(url, searched) else latest.study_id
    uri = tracking_uri(root, parameters)
    done = project(store.read(url, study_id), uri, parameters.search.experiment)
    shown = f"{done.trials_done} trials" + (f" and {done.reruns_done} reruns" if done.reruns_done else "")
    print(f"study {study_id}: {shown} in {uri} ({done.created} runs created, {done.updated} updated)")


def pull(directory: Path, alias: str, name: str | None, uri: str | None) -> None:
    """Fetch a registered model; inside a project its name and store are known, elsewhere the only model there is."""
    root = layout.project_root(Path.cwd())
    if root is not None:
        parameters = params.load(root / layout.PARAMS)
        uri = uri or tracking_uri(root, parameters)
        name = name or _registered_name(root)
    from pipeline.tracking import pull as pulling

    address = uri or os.environ.get("MLFLOW_TRACKING_URI")
    if address is None:
        remedy = "give --tracking-uri, set MLFLOW_TRACKING_URI, or run it in a project"
        raise MissingFile("the registry", why="no tracking address is known outside a project", remedy=remedy)
    pulled = pulling.pull(address, name, alias, directory)
    print(f"{pulled.name} version {pulled.version} ({alias}) is in {pulled.folder}")
    print(f"next: convoy predict --model {pulled.folder} IMAGE")


def predict(images: Sequence[Path], model: Path, as_json: bool) -> None:
    """Print one line an image; refused images are named with their reason and make the exit code that of bad data."""
    from pipeline import predict as predicting

    predictions = predicting.predict(model, images)
    for prediction in predictions:
        print(json.dumps(prediction.record(), ensure_ascii=False) if as_json else prediction.line())
    refused = [prediction for prediction in predictions if prediction.label is None]
    raise_all([ImageRefused(str(p.path), why=p.reason, remedy="give an image of another kind") for p in refused])


def log(text: str) -> Path | None:
    """Append to state/convoy.log of the project; where it is, or None outside a project."""
    root = layout.project_root(Path.cwd())
    if root is None:
        return None
    file = layout.state(root) / "convoy.log"
    artifacts.append_line(file, f"{datetime.datetime.now().astimezone().isoformat()} {shlex.join(sys.argv)}\n{text}")
    return file


def enter_project() -> Path:
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


def _circumstances(stage: str, parameters: Params, root: Path) -> dict[str, Any]:
    """What a stage needs beside its section, since it is no parameter or the same for several."""
    if stage in ("ingest", "preprocess"):
        return {"state": layout.state(root)}
    uri = tracking_uri(root, parameters)
    if stage == "search":
        return {"state": layout.state(root), "tracking_uri": uri, "commit": _commit()}
    return {"tracking_uri": uri, "experiment": parameters.search.experiment} if stage == "register" else {}


def _searched_study() -> str | None:
    """Of the present results; None when there are none, as while a search runs under DVC."""
    best = layout.SEARCH / "best.yaml"
    return str(YamlFile(best).data["study_id"]) if best.exists() else None


def _registered_name(root: Path) -> str | None:
    registration = root / layout.REGISTRATION
    return str(artifacts.read_json(registration)["name"]) if registration.exists() else None


def _commit() -> str:
    """The git commit of the working directory, with + behind it when files differ from it; empty outside git."""
    command = ["git", "describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # outside git there is none
    return done.stdout.strip()
