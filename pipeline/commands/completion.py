"""completion: a script that makes the shell complete commands, options and files."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from pipeline.commands.command import Command, path_or_name


def _act(options: argparse.Namespace) -> None:
    import shtab

    from pipeline.commands.parser import parser

    whole = parser()
    for action in _actions(whole):
        if action.type in (Path, path_or_name):
            action.complete = shtab.FILE  # type: ignore[attr-defined]  # where shtab looks for it
    print(shtab.complete(whole, shell=options.shell))


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Those of the commands too."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for own in action.choices.values():
                yield from _actions(own)


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=("bash", "zsh", "tcsh"), help="the shell")


COMMANDS = (
    Command(
        "completion",
        "The shell",
        "a script that makes the shell complete commands, options and files",
        {
            "completion bash": "to be read by `eval` in ~/.bashrc",
            "completion zsh": "to be saved as _convoy in a folder of $fpath",
        },
        _act,
        _arguments,
    ),
)
