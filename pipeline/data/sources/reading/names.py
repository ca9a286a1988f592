"""Names of files as one line of valid UTF-8, and back: a name can hold newlines, and bytes that are no text at all."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from pipeline.data.images.refusal import refused
from pipeline.errors import ConvoyError, TwinNames

_TO_ESCAPE = re.compile(r"[\\\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ESCAPED = re.compile(r"\\(\\|x[0-9a-f]{2}|u[0-9a-f]{4})")
_FIRST_SURROGATE = 0xDC00  # Python keeps a byte b of a file name that is no UTF-8 as the character DC00 + b


def shown(name: str) -> str:
    r"""`name` with each backslash, control character and byte that is no UTF-8 as an escape: `\\`, `\u000a`, `\xe9`."""
    return _TO_ESCAPE.sub(_escape, name) if _TO_ESCAPE.search(name) else name


def stored(name: str) -> str:
    """The name that `shown` showed so; raises ImageRefused `name-not-utf8` when that name is no text."""
    original = _ESCAPED.sub(_unescape, name) if "\\" in name else name
    if any(0xD800 <= ord(letter) <= 0xDFFF for letter in original):
        raise refused("name-not-utf8", "the name holds bytes that are no UTF-8", f"rename it, for instance with convmv: {name}")
    return original


def set_name(path: Path) -> str:
    """A short name for the set in `path`: letters, digits, `.`, `_` and `-` of its name without what tells the format."""
    stem = re.sub(r"(\.(tar|tgz|gz|bz2|xz|zip|csv|parquet|npz|npy))+$", "", path.resolve().name, flags=re.IGNORECASE)
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem) or "set"


def twins(paths: Iterable[str]) -> list[ConvoyError]:
    """A TwinNames for two or more files of one folder whose names are equal once accents are composed alike (Unicode NFC)."""
    forms: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for path in paths:
        if not path.isascii():
            folder, _, name = path.rpartition("/")
            forms[folder, unicodedata.normalize("NFC", name)].append(path)
    alike = [sorted(group) for group in forms.values() if len(group) > 1]
    return [_twin_names(group) for group in sorted(alike)]


def _twin_names(group: list[str]) -> TwinNames:
    why = "they look the same: " + " and ".join(ascii(name) for name in group)
    return TwinNames(f"{len(group)} names", where=group[0], why=why, remedy="rename or remove one")


def _escape(match: re.Match[str]) -> str:
    letter = match[0]
    if letter == "\\":
        return "\\\\"
    code = ord(letter)
    return f"\\x{code - _FIRST_SURROGATE:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"


def _unescape(match: re.Match[str]) -> str:
    text = match[1]
    if text == "\\":
        return text
    code = int(text[1:], 16)
    return chr(code + _FIRST_SURROGATE) if text[0] == "x" else chr(code)
