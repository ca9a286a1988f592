"""check: what a run would do, the layers of a configuration, and everything that is wrong, at once."""

from __future__ import annotations

import argparse
import json

from pipeline.commands import project
from pipeline.commands.command import Command
from pipeline.errors import raise_all


def _act(options: argparse.Namespace) -> None:
    root = project.enter()
    from pipeline.data.progress import waiting

    with waiting("checking"):
        from pipeline.check import check_all, question

        lines, problems = check_all(root, question(options.point, options.image, options.classes))
    if options.json:
        print(json.dumps({"run": lines, "problems": [problem.record() for problem in problems]}, indent=2, ensure_ascii=False))
    else:
        print("\n".join(lines))
    raise_all(problems)


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "point", metavar="NAME=VALUE", nargs="*", help="print the layers of this configuration, e.g. model.filters=32"
    )
    parser.add_argument("--image", metavar="HxWxC", help="for images of this size; default: as prepared")
    parser.add_argument("--classes", type=int, help="for this many classes; default: as prepared")
    parser.add_argument("--json", action="store_true", help="one JSON object: what would run, and each problem in its parts")


COMMANDS = (
    Command(
        "check",
        "Look before and while it runs",
        "everything that is wrong with parameters, space, data, resources, tracking",
        {
            "check": "before a search",
            "check --json": "for a script; the exit code says whether anything is wrong",
            "check model.num_conv_layers=3 --image 32x32x3": "the layers of this network on such images",
        },
        _act,
        _arguments,
    ),
)
