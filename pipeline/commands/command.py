"""What a command is: its name, what `--help` says of it, its arguments, and what it does."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Group = Literal["Run", "Look before and while it runs", "The registry", "Take the model", "The shell"]


@dataclass(frozen=True)
class Command:
    """One command of `convoy`.

    summary: one line for `convoy --help`; examples: command lines without `convoy` → what each does; act: given the parsed
    arguments, does it; arguments: adds those it takes to a parser; details: more for its own `--help`; hidden: for programs, and
    not on the page of `convoy --help`.
    """

    name: str
    group: Group
    summary: str
    examples: dict[str, str]
    act: Callable[[argparse.Namespace], None]
    arguments: Callable[[argparse.ArgumentParser], None] = lambda parser: None
    details: str = ""
    hidden: bool = False


def path_or_name(text: str) -> str:
    """As the `type` of an argument: what may be a path, which the shell then completes, or something else."""
    return text


def positive(text: str) -> int:
    """A whole number of 1 or more, as the `type` of an argument."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("should be 1 or more")
    return number


def port(text: str) -> int:
    """A port to listen on, 0 for any that is free, as the `type` of an argument."""
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError("should be 0 to 65535")
    return number
