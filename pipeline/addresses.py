"""Addresses of servers as people may see them: without the user and the password that may stand in them."""

from __future__ import annotations

import re

_USER = re.compile(r"//[^\s'\"]*@")  # up to the last @: a password may hold / and @ when nobody has escaped them
_PASSWORD = re.compile(r"(password=)[^&\s'\"]*", re.IGNORECASE)


def redacted(text: str) -> str:
    """The text with every address in it without user and password."""
    return _PASSWORD.sub(r"\1…", _USER.sub("//", text))
