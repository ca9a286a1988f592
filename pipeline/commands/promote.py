"""promote, rollback, history: the alias champion moved by hand, and every move of the aliases."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from pipeline.commands import project
from pipeline.commands.command import Command


def _promote(options: argparse.Namespace) -> None:
    name, _, version = options.version.rpartition("/")
    uri, name = project.registry(options.tracking_uri, name or None)
    from pipeline.tracking import promotion

    moved = promotion.promote(uri, name, version, options.reason)
    print(f"champion: {name} version {moved.version}; before: {moved.previous or 'none'}")


def _rollback(options: argparse.Namespace) -> None:
    uri, name = project.registry(options.tracking_uri, options.name)
    from pipeline.tracking import promotion

    moved = promotion.rollback(uri, name, options.reason)
    print(f"champion: {name} version {moved.version} again; version {moved.previous} comes back by `convoy promote` alone")


def _history(options: argparse.Namespace) -> None:
    uri, name = project.registry(options.tracking_uri, options.name)
    from pipeline.tracking import promotion

    entries = promotion.history(uri, name)
    shown = [json.dumps(asdict(one), ensure_ascii=False) for one in entries] if options.json else promotion.lines(entries)
    print("\n".join(shown) or f"{name} has no alias yet")


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
