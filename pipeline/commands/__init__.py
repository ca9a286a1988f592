"""The commands of `convoy`: each module of this package with a `COMMANDS` adds one or several; nothing else has to be edited."""

from __future__ import annotations

import importlib
import pkgutil
from typing import get_args

from pipeline.commands.command import Command, Group

GROUPS: tuple[Group, ...] = get_args(Group)


def all_commands() -> list[Command]:
    """Every command, by group; within one as its module gives them, modules by name."""
    modules = [importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
    found: list[Command] = [command for module in modules for command in getattr(module, "COMMANDS", ())]
    return sorted(found, key=lambda command: GROUPS.index(command.group))
