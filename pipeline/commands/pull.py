"""pull: fetch a registered model; inside a project its name and store are known, elsewhere the only model there is."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.commands import registry
from pipeline.commands.command import Command, path_or_name
from pipeline.errors import WrongValue
from pipeline.tracking import reference


def _act(options: argparse.Namespace) -> None:
    if options.model is None and reference.is_one(str(options.directory)):
        remedy = f"name a folder too: convoy pull {options.directory} DIR"
        raise WrongValue(str(options.directory), why="it is a registered model, and where to put it is not said", remedy=remedy)
    uri, wanted = registry.meant(options.model, options.tracking_uri)
    from pipeline.tracking import pull as pulling

    pulled = pulling.pull(uri, wanted, options.directory)
    called = f" ({pulled.alias})" if pulled.alias else ""
    print(f"{pulled.name} version {pulled.version}{called} is in {pulled.folder}, and answers here as it did when it was trained")
    print(f"next: convoy predict --model {pulled.folder} IMAGE")


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model",
        metavar="NAME[@ALIAS|/VERSION]",
        nargs="?",
        type=path_or_name,
        help="default: the champion of the project's model, or of the only one there is; @challenger: the challenger of it",
    )
    parser.add_argument("directory", metavar="DIR", type=Path, help="where it is put, checked, and tried in a process of its own")
    parser.add_argument("--tracking-uri", help="default: the project's, or MLFLOW_TRACKING_URI")


COMMANDS = (
    Command(
        "pull",
        "Take the model",
        "fetch a registered model into a folder, and try it there",
        {
            "pull champion": "the champion, into the folder champion",
            "pull @challenger other": "the challenger, into the folder other",
            "pull convoy-digits/3 third --tracking-uri http://localhost:5000": "version 3 of this model, from a server",
        },
        _act,
        _arguments,
    ),
)
