"""promote, rollback, history: the alias champion moved by hand, and every move of the aliases."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from pipeline.commands import project
from pipeline.commands.command import Command

if TYPE_CHECKING:
    from pipeline.tracking.alias_log import Entry


def _promote(options: argparse.Namespace) -> None:
    name, _, version = options.version.rpartition("/")
    uri, name = project.registry(options.tracking_uri, name or None)
    from pipeline.tracking import promotion

    moved = promotion.promote(uri, name, version, options.reason)
    told = f"champion: {name} version {moved.version}; before: {moved.previous or 'none'}"
    print(_line(moved) if options.json else told)


def _rollback(options: argparse.Namespace) -> None:
    uri, name = project.registry(options.tracking_uri, options.name)
    from pipeline.tracking import promotion

    moved = promotion.rollback(uri, name, options.reason)
    told = f"champion: {name} version {moved.version} again; version {moved.previous} comes back by `convoy promote` alone"
    print(_line(moved) if options.json else told)


def _history(options: argparse.Namespace) -> None:
    uri, name = project.registry(options.tracking_uri, options.name)
    from pipeline.tracking import promotion

    entries = promotion.history(uri, name)
    shown = [_line(one) for one in entries] if options.json else promotion.lines(entries) or [f"{name} has no alias yet"]
    for line in shown:
        print(line)


def _line(entry: Entry) -> str:
    return json.dumps(asdict(entry), ensure_ascii=False)


def _of_version(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("version", metavar="[NAME/]VERSION", help="e.g. 3, or convoy-digits/3; default: the project's model")
    _why_and_where(parser)


def _of_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", help="the registered model; default: the project's")
    _why_and_where(parser)


def _of_history(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", help="the registered model; default: the project's")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--tracking-uri", help="default: the project's, or MLFLOW_TRACKING_URI")


def _why_and_where(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--reason", required=True, metavar="TEXT", type=_reason, help="why; kept in the history with your name")
    parser.add_argument("--json", action="store_true", help="one JSON object: the entry as `convoy history --json` shows it")
    parser.add_argument("--tracking-uri", help="default: the project's, or MLFLOW_TRACKING_URI")


def _reason(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("should say why")
    return " ".join(text.split())


COMMANDS = (
    Command(
        "promote",
        "The registry",
        "make a version champion by hand, whatever the gate says",
        {'promote 3 --reason "field test in May"': "version 3 of the project's model"},
        _promote,
        _of_version,
    ),
    Command(
        "rollback",
        "The registry",
        "make the champion before the present one champion again",
        {'rollback --reason "misreads sevens"': "the version rolled back does not return by itself"},
        _rollback,
        _of_model,
    ),
    Command(
        "history",
        "The registry",
        "who was champion and challenger, when, why and by whose word",
        {"history": "of the project's model", "history convoy-digits --json": "of another, for a script"},
        _history,
        _of_history,
    ),
)
