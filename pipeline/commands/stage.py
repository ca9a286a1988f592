"""The stages as commands: one stage alone, in the project's folder, with its section of params.yaml."""

from __future__ import annotations

import argparse
import importlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import artifacts, layout, params
from pipeline.commands import project
from pipeline.commands.command import Command
from pipeline.params import Params

if TYPE_CHECKING:
    from pipeline.tracking.origin import Origin

_SUMMARIES = {
    "ingest": "read every image of the source into a catalog",
    "split": "give each image its side: train, val or test",
    "preprocess": "resize, pack and measure the images",
    "search": "look for the best network until the budget is spent",
    "refit": "train the winner once more, on train and val",
    "evaluate": "open the sealed test split and score the model",
    "register": "hand the model to the registry, as champion if it is no worse",
}
STAGES = tuple(_SUMMARIES)


def run_here(name: str, parameters: Params, root: Path, **told: Any) -> None:
    """The stage in the working directory, which is `root`; what it is `told` holds before what can be found out here."""
    stage = importlib.import_module(f"pipeline.stages.{name}")
    circumstances = _circumstances(name, parameters, root)
    stage.run(getattr(parameters, name), **{key: told.get(key, value) for key, value in circumstances.items()})


def _run(name: str) -> None:
    root = project.enter()
    parameters = params.load(layout.PARAMS)
    if name == "search" and parameters.cluster.is_remote(os.environ):
        from pipeline.commands import sending

        sending.finish(sending.send(name, parameters, root), parameters, root)
    else:
        run_here(name, parameters, root)


def _circumstances(stage: str, parameters: Params, root: Path) -> dict[str, Any]:
    """What a stage needs beside its section, since it is no parameter or the same for several."""
    if stage in ("split", "refit"):
        return {}
    state = {"state": layout.state(root)}
    if stage == "search":
        stores = {"database": project.study_database(root, parameters), "tracking_uri": project.tracking_uri(root, parameters)}
        return state | stores | {"cluster": parameters.cluster, "commit": project.commit()}
    if stage == "register":
        uri = project.tracking_uri(root, parameters)
        return state | {"tracking_uri": uri, "experiment": parameters.search.experiment, "origin": _origin(parameters)}
    return state


def _origin(parameters: Params) -> Origin:
    """Where a model that is registered now comes from."""
    from pipeline.tracking.origin import Origin

    seeds = {name: getattr(parameters, name).seed for name in ("split", "search", "refit")}
    names = (str(layout.PARAMS), "dvc.yaml", "dvc.lock", "requirements.lock", parameters.search.space)
    files = (*map(Path, names), layout.SEARCH / "best.yaml", layout.SEARCH / "front.yaml")
    certified = layout.CERTIFICATE.exists() and artifacts.read_json(layout.CERTIFICATE)["digests"]["splits"]
    return Origin(project.commit_of_code(), seeds, tuple(file for file in files if not file.is_absolute()), str(certified or ""))


def _command(name: str) -> Command:
    def act(options: argparse.Namespace) -> None:
        _run(name)

    details = f"Its parameters are the section `{name}` of params.yaml. `dvc repro` runs it with whatever else is out of date."
    return Command(name, "Run", _SUMMARIES[name], {name: f"the stage {name} alone"}, act, details=details)


COMMANDS = tuple(_command(name) for name in STAGES)
