"""status: what the last run came to, and what to do next."""

from __future__ import annotations

import argparse

from pipeline import artifacts, layout
from pipeline.commands import project
from pipeline.commands.command import Command


def _act(options: argparse.Namespace) -> None:
    project.enter()
    from pipeline.report import front
    from pipeline.stages import register

    summary = layout.SEARCH / "summary.json"
    others = front.lines(artifacts.read_json(summary)) if summary.exists() else []
    print("\n".join([*others, register.conclusion()]))


COMMANDS = (
    Command(
        "status",
        "Look before and while it runs",
        "the registered model, its test score and what to do next",
        {"status": "of the project that this folder belongs to"},
        _act,
    ),
)
