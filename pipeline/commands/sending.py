"""A stage as a job of the cluster that params.yaml names: what the commands that send one have in common."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pipeline
from pipeline import artifacts, layout
from pipeline.cluster.job_server import JobServer
from pipeline.cluster.jobs import Jobs, Sent
from pipeline.cluster.settings import CONVOY_STUDY_URI, folder, is_job_server
from pipeline.cluster.work import work
from pipeline.commands import project
from pipeline.errors import MissingKey, WrongValue, raise_all
from pipeline.params import Params

_SHORT = 8  # digits of a study's identity in the name of a job


def jobs(parameters: Params, root: Path) -> Jobs:
    """Of this project on its cluster; raises WrongValue where cluster.address names no job server."""
    address = parameters.cluster.where(os.environ)
    if not is_job_server(address):
        why, remedy = f"{address} is no job server", "write http://127.0.0.1:8265, the near end of a tunnel, or https://HOST:PORT"
        raise WrongValue("cluster.address", where=str(layout.PARAMS), why=why, remedy=remedy)
    return Jobs(parameters.cluster, address, root, Path(pipeline.__file__).parent)


def server(parameters: Params, root: Path) -> JobServer:
    """Its job server."""
    return jobs(parameters, root).server()


def send(stage: str, parameters: Params, root: Path, gpus: int = 0) -> Sent:
    """Submit a stage, unless it was submitted before; raises WrongValue for one that only this machine can run."""
    there, of = replace(jobs(parameters, root), gpus=gpus), ""
    told: dict[str, Any] = {"commit": project.commit()}
    if _mlflow_is_here(parameters, root):
        if stage == "register":
            why, remedy = "the registry is a file of this machine", f"run `convoy {stage}` here, or name an MLflow server"
            raise WrongValue("search.tracking_uri", where=str(layout.PARAMS), why=why, remedy=remedy)
        told["tracking_uri"] = ""
    if stage == "search":
        _require_a_study_that_stays(parameters)
        of = f"{_study(parameters)[:_SHORT]}-"
    everything = {name: section.model_dump(mode="json") for name, section in vars(parameters).items()}
    return there.send(work(stage, root, there.package, everything), told, of)


def finish(sent: Sent, parameters: Params, root: Path) -> None:
    """Follow the job and fetch its results; where MLflow is a file of this machine, show a search in it."""
    jobs(parameters, root).finish(sent)
    if sent.work.stage == "search" and _mlflow_is_here(parameters, root):
        from pipeline.study import store
        from pipeline.tracking.project import project as show

        study_id = str(project.searched_study())
        url = project.study_database(root, parameters)
        show(store.read(url, study_id), project.tracking_uri(root, parameters), parameters.search.experiment)


def _mlflow_is_here(parameters: Params, root: Path) -> bool:
    """Whether what MLflow shows is a file of this machine, which no job can write."""
    return urlsplit(project.tracking_uri(root, parameters)).scheme in ("", "file", "sqlite")


def _require_a_study_that_stays(parameters: Params) -> None:
    """The disk of a head goes with it; raises MissingKey where nothing else would hold the study."""
    cluster = parameters.cluster
    if not (cluster.study or os.environ.get(CONVOY_STUDY_URI) or folder(cluster.storage)):
        why, remedy = f"{cluster.storage} can hold no database, and the study is to outlive the job", "name a PostgreSQL"
        raise MissingKey("cluster.study", where=str(layout.PARAMS), why=why, remedy=remedy)


def _study(parameters: Params) -> str:
    """The identity of the study that a search means now; raises what is wrong with the space before anything is sent."""
    from pipeline.data.preparation.recipe import Recipe
    from pipeline.search.identity import new_study
    from pipeline.search.spaces.space import load

    space = load(Path(parameters.search.space))
    recipe = Recipe.from_bytes(artifacts.read_bytes(layout.PROCESSED / "recipe.json"))
    raise_all(space.check_data(recipe.counts["train"], recipe.image_size))
    return new_study(parameters.search, space, recipe, {}).study_id
