"""plan: what a search would take in trials, time, disk and money."""

from __future__ import annotations

import argparse
import json

from pipeline import layout, params
from pipeline.commands import project
from pipeline.commands.command import Command


def _act(options: argparse.Namespace) -> None:
    root = project.enter()
    parameters = params.load(layout.PARAMS)
    from pipeline.data.progress import waiting
    from pipeline.planning.plan import plan

    with waiting("training a few networks for a moment"):
        found = plan(parameters.search, layout.state(root), project.study_database(root, parameters), parameters.cluster)
    print(json.dumps(found.record(), indent=2, ensure_ascii=False) if options.json else "\n".join(found.lines))


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object: the ranges as numbers, and the lines")


COMMANDS = (
    Command(
        "plan",
        "Look before and while it runs",
        "trials, time, disk and money to expect of a search, after a probe of seconds",
        {"plan": "for the budget in params.yaml", "plan --json": "for a script"},
        _act,
        _arguments,
    ),
)
