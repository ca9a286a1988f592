"""The secret by which a cluster knows who belongs to it: where it lies, and that nobody else can read it there."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path

from pipeline.errors import SecurityRefusal

_REMEDY = "see docs/cluster.md, the token"


def find(environment: Mapping[str, str], home: Path) -> str | None:
    """RAY_AUTH_TOKEN, else what the file RAY_AUTH_TOKEN_PATH holds, else ~/.ray/auth_token, as Ray looks; None without one.

    Raises SecurityRefusal for a file that others can read or replace.
    """
    if token := environment.get("RAY_AUTH_TOKEN", "").strip():
        return token
    named = environment.get("RAY_AUTH_TOKEN_PATH")
    file = Path(named) if named else home / ".ray" / "auth_token"
    if not file.exists():
        if named:
            raise SecurityRefusal("RAY_AUTH_TOKEN_PATH", where=named, why="there is no such file", remedy=_REMEDY)
        return None
    _require_private(file)
    return file.read_text(encoding="utf-8").strip() or None


def _require_private(file: Path) -> None:
    """Mode 0600, in a folder that others cannot enter, itself or one above it."""
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & 0o077:
        raise SecurityRefusal(
            "the token", where=str(file), why=f"mode {mode:04o}: others may read it", remedy="give it mode 0600"
        )
    if all(stat.S_IMODE(folder.stat().st_mode) & 0o011 for folder in file.resolve().parents):
        why, remedy = "others may enter all folders on its way", "give its folder mode 0700"
        raise SecurityRefusal("the token", where=str(file), why=why, remedy=remedy)
