"""rebuild: a registered version made again, and held against the one in the registry."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from dataclasses import asdict

from pipeline.commands import project
from pipeline.commands.command import Command


def _act(options: argparse.Namespace) -> None:
    root = project.enter()
    name, _, version = options.version.rpartition("/")
    uri, name = project.registry(options.tracking_uri, name or None)
    from pipeline.rebuild.run import rebuild

    with contextlib.redirect_stdout(sys.stderr if options.json else sys.stdout):
        found = rebuild(root, uri, name, version, options.tolerance)
    if options.json:
        print(json.dumps({"name": name, "version": version} | asdict(found), indent=2, ensure_ascii=False))


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("version", metavar="[NAME/]VERSION", help="e.g. 3, or convoy-digits/3; default: the project's model")
    parser.add_argument(
        "--tolerance",
        type=float,
        default=1e-3,
        help="how far apart two weights may be, as a share of the largest of their tensor (default: 0.001)",
    )
    parser.add_argument("--tracking-uri", help="default: the project's, or MLFLOW_TRACKING_URI")
    parser.add_argument("--json", action="store_true", help="one JSON object at the end; what is told on the way goes to stderr")


COMMANDS = (
    Command(
        "rebuild",
        "The registry",
        "make a registered version again and say how like it is",
        {
            "rebuild 3": "version 3 of the project's model",
            "rebuild convoy-digits/3 --tolerance 0": "only bit-identical weights will do",
            "rebuild 3 --json": "for a script",
        },
        _act,
        _arguments,
        details="Checks out the recorded commit beside the project, takes the data from DVC or ingests them again, compares the"
        " environment, prepares and refits with the recorded seeds and hyperparameters. The project itself stays as it is.",
    ),
)
