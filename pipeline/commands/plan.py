"""plan: what a search would take in trials, time, disk and money."""

from __future__ import annotations

import argparse

from pipeline import layout, params
from pipeline.commands import project
from pipeline.commands.command import Command


def _act(options: argparse.Namespace) -> None:
    root = project.enter()
    parameters = params.load(layout.PARAMS)
    from pipeline.planning.plan import plan as lines

    print("\n".join(lines(parameters.search, layout.state(root))))


COMMANDS = (
    Command(
        "plan",
        "Look before and while it runs",
        "trials, time, disk and money to expect of a search, after a probe of seconds",
        {"plan": "for the budget in params.yaml"},
        _act,
    ),
)
