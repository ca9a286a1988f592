"""Starts tests/search/lock_holder.py as a process of its own: alone, or behind a shell under a parent as DVC does it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests import repository

HOLDER = Path(__file__).with_name("lock_holder.py")


def start(lock: Path) -> tuple[subprocess.Popen[str], int]:
    """A holder, and its process number, when it has the lock."""
    return _held([sys.executable, str(HOLDER), str(lock)], {})


def start_under_dvc(lock: Path) -> tuple[subprocess.Popen[str], int]:
    """Its grandparent, which runs it in a shell that stays, and the holder's own process number."""
    parent = f"import subprocess; subprocess.run({f'{sys.executable} {HOLDER} {lock}; true'!r}, shell=True)"
    return _held([sys.executable, "-c", parent], {"DVC_STAGE": "search"})


def _held(command: list[str], environment: dict[str, str]) -> tuple[subprocess.Popen[str], int]:
    env = repository.environment(**environment)
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    word, pid, _ = process.stdout.readline().split()
    assert word == "held"
    return process, int(pid)
