"""pull: fetch a registered model; inside a project its name and store are known, elsewhere the only model there is."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from pipeline import layout, params
from pipeline.commands import project
from pipeline.commands.command import Command
from pipeline.errors import MissingFile


def _act(options: argparse.Namespace) -> None:
    root = layout.project_root(Path.cwd())
    uri, name = options.tracking_uri, options.name
    if root is not None:
        parameters = params.load(root / layout.PARAMS)
        uri = uri or project.tracking_uri(root, parameters)
        name = name or project.registered_name(root)
    from pipeline.tracking import pull as pulling

    address = uri or os.environ.get("MLFLOW_TRACKING_URI")
    if address is None:
        remedy = "give --tracking-uri, set MLFLOW_TRACKING_URI, or run it in a project"
        raise MissingFile("the registry", why="no tracking address is known outside a project", remedy=remedy)
    pulled = pulling.pull(address, name, options.alias, options.directory)
    print(f"{pulled.name} version {pulled.version} ({options.alias}) is in {pulled.folder}")
    print(f"next: convoy predict --model {pulled.folder} IMAGE")


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", metavar="DIR", type=Path, help="where the model is put, checked against its sha256")
    parser.add_argument("--alias", default="champion", help="champion (default) or challenger")
    parser.add_argument("--name", help="the registered model; default: the project's, or the only one there is")
    parser.add_argument("--tracking-uri", help="default: the project's, or MLFLOW_TRACKING_URI")


COMMANDS = (
    Command(
        "pull",
        "Take the model",
        "fetch a registered model into a folder",
        {
            "pull champion": "the champion, into the folder champion",
            "pull --tracking-uri http://localhost:5000 --alias challenger other": "the challenger, from a server",
        },
        _act,
        _arguments,
    ),
)
