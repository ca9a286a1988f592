"""A clone of this repository as somebody has it who works with it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.repository import REPOSITORY


def clone(folder: Path, source: Path = REPOSITORY) -> Path:
    """In a new folder, with what is not committed in the source yet."""
    subprocess.run(["git", "clone", "--quiet", str(source), str(folder)], check=True)
    listed = ["git", "ls-files", "--modified", "--others", "--exclude-standard", "-z"]
    for name in filter(None, subprocess.run(listed, cwd=source, capture_output=True, text=True, check=True).stdout.split("\0")):
        (folder / name).unlink(missing_ok=True)
        if (source / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / name, folder / name)
    return folder


def commit(run: Callable[..., object], message: str) -> None:
    """All that is not committed yet; `run` runs a command in the clone."""
    run("git", "add", "--all")
    run("git", "-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "--quiet", "--message", message)
