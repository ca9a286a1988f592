"""What an archive of images may not hold. Members are read where they lie and never become files, and still are refused."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.data.sources.reading.limits import bomb, excess
from pipeline.data.sources.reading.names import shown
from pipeline.errors import ConvoyError, SecurityRefusal, raise_all

DEPTH = 32  # folders within folders
_TOLD = 20  # refusals; what there are more is counted
_DRIVE = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True)
class Member:
    """size and packed in bytes; fault: why this kind of member is refused, empty for files and folders."""

    name: str
    size: int
    packed: int
    is_folder: bool
    fault: str = ""


def plain(name: str) -> str:
    """`name` without `.`, empty parts and a `/` at its end: ./cat//1.png is cat/1.png."""
    return "/".join(part for part in name.split("/") if part not in ("", "."))


def check(members: Sequence[Member], packed: int, where: str) -> None:
    """Raise SecurityRefusal for everything that is wrong with the members of an archive of `packed` bytes, at once."""
    found = [*_faults(members, where), *_together(members, packed, where)]
    if len(found) > _TOLD:
        why = f"{len(found) - _TOLD} more members are refused"
        found = [*found[:_TOLD], SecurityRefusal("archive", where=where, why=why, remedy="do not use it")]
    raise_all(found)


def _faults(members: Sequence[Member], where: str) -> Iterator[ConvoyError]:
    for member in members:
        if fault := member.fault or _bad_name(member.name):
            yield _refusal(member.name, fault, where)
        elif why := excess(member.size, member.packed):
            yield bomb(f"{where} {shown(member.name)}", why)


def _together(members: Sequence[Member], packed: int, where: str) -> Iterator[ConvoyError]:
    files = Counter(plain(member.name) for member in members if not member.is_folder)
    folders = Counter(plain(member.name) for member in members if member.is_folder)
    for name, count in (files + folders).items():
        if name and count > 1:
            yield _refusal(name, f"there {count} times", where)
    for name in sorted(files.keys() & {parent for file in files for parent in _parents(file)}):
        yield _refusal(name, "both a file and a folder", where)
    if why := excess(sum(member.size for member in members), packed):
        yield bomb(where, why)


def _bad_name(name: str) -> str:
    if name.startswith("/") or _DRIVE.match(name):
        return "an absolute name"
    if "\0" in name:
        return "a name with a NUL"
    parts = name.split("/")
    if ".." in parts:
        return "a name that leads out of the archive"
    return f"more than {DEPTH} folders deep" if len(parts) > DEPTH else ""


def _parents(name: str) -> Iterator[str]:
    while name := name.rpartition("/")[0]:
        yield name


def _refusal(name: str, why: str, where: str) -> SecurityRefusal:
    return SecurityRefusal(f"member {shown(name)[-40:]}", where=where, why=why, remedy="do not use it, or repack it")
