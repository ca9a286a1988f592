"""The storage that a setting names: a path, or an address such as `s3://bucket/folder`."""

from __future__ import annotations

import functools
from pathlib import Path

from pipeline.cluster.storage import Folder, Storage


@functools.lru_cache(maxsize=8)  # one connection a process
def opened(place: str) -> Storage:
    """The storage at a folder or an address such as `s3://bucket/folder`; raises WrongValue without what it needs."""
    if "://" not in place:
        return Folder(Path(place))
    from pipeline.cluster.remote import Remote

    return Remote(place)


def within(place: str, folder: str) -> str:
    """The address of a folder in it."""
    return f"{place.rstrip('/')}/{folder}"
