"""Secrets are looked for wherever something was written."""

from __future__ import annotations

from pathlib import Path


def holding(folder: Path, *secrets: str) -> list[str]:
    """The files below that hold one of these, whatever they are, each with what it holds."""
    files = [file for file in folder.rglob("*") if file.is_file() and not file.is_symlink()]
    contents = ((file, file.read_bytes()) for file in files)
    return [f"{file.relative_to(folder)}: {one}" for file, content in contents for one in secrets if one.encode() in content]
