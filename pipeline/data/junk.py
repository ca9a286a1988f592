"""What systems and programs leave in folders beside the images."""

from __future__ import annotations

_SYSTEM_FILES = ("thumbs.db", "desktop.ini", "__macosx")


def junk(name: str) -> str | None:
    """Why a file or folder called `name` is passed over: `hidden` or `system-file`; None when it is not."""
    if name.startswith("."):
        return "hidden"
    return "system-file" if name.lower() in _SYSTEM_FILES else None
