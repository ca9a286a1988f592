"""The command line as a parser: a page of help with every command, and the nearest name for a misspelt command or option."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import groupby

from pipeline.commands import all_commands
from pipeline.commands.command import Command
from pipeline.config import did_you_mean
from pipeline.errors import UnknownName

_PAGE = """\
usage: convoy [--debug] COMMAND …

From labelled images to a registered convolutional network. `dvc repro` runs the stages that are out of date, in order.

{commands}

Begin with:
  dvc repro                  the whole pipeline, on the data that params.yaml names
  convoy status              what it came to
  convoy COMMAND --help      arguments and examples of one command

  --debug                    show the traceback of an error
"""


class _Page(argparse.ArgumentParser):
    """The parser of `convoy` itself, whose help is a page."""

    def format_help(self) -> str:
        """All commands by group."""
        shown = [command for command in all_commands() if not command.hidden]
        groups = groupby(shown, key=lambda command: command.group)
        return _PAGE.format(commands="\n\n".join(_group(title, list(members)) for title, members in groups))


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    page = _Page(prog="convoy")
    page.add_argument("--debug", action="store_true", help="show the traceback of an error")
    add = page.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=argparse.ArgumentParser).add_parser
    for command in all_commands():
        own = add(command.name, help=command.summary, formatter_class=argparse.RawDescriptionHelpFormatter)
        own.description, own.epilog = _about(command), _examples(command)
        command.arguments(own)
        own.set_defaults(act=command.act)
    return page


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command with its arguments; raises UnknownName for one that does not exist, with the nearest that does."""
    known = {command.name for command in all_commands()}
    word = next((argument for argument in arguments if not argument.startswith("-")), None)
    if word is not None and word not in known:
        shown = [command.name for command in all_commands() if not command.hidden]
        remedy = did_you_mean(word, shown, "see `convoy --help`")
        raise UnknownName(f"convoy {word}", why="there is no such command", remedy=remedy)
    page = parser()
    options, left = page.parse_known_args(arguments)
    if left:
        raise _not_taken(left[0], page, options.command)
    return options


def _not_taken(word: str, page: argparse.ArgumentParser, command: str) -> UnknownName:
    subparsers = next(action.choices for action in page._actions if isinstance(action, argparse._SubParsersAction))
    taken = [option for option in subparsers[command]._option_string_actions if option.startswith("--")]
    page_of_it = f"see `convoy {command} --help`"
    remedy = did_you_mean(word.partition("=")[0], taken, page_of_it) if word.startswith("-") else page_of_it
    return UnknownName(f"convoy {command} {word}", why="it takes no such argument", remedy=remedy)


def _group(title: str, members: Sequence[Command]) -> str:
    return "\n".join([f"{title}:", *(f"  {command.name:<26} {command.summary}" for command in members)])


def _about(command: Command) -> str:
    summary = f"{command.summary[0].upper()}{command.summary[1:]}."
    return f"{summary}\n\n{command.details}" if command.details else summary


def _examples(command: Command) -> str:
    lines = [f"  convoy {words}\n      {what}" for words, what in command.examples.items()]
    return "\n".join(["examples:", *lines])
