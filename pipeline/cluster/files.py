"""Files of a storage by their sha256, for jobs and searches: none is sent twice, and each is verified where it comes to."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from pipeline import artifacts
from pipeline.cluster.bounded import Bounded
from pipeline.cluster.place import opened, within
from pipeline.errors import DigestMismatch, MissingFile

FOLDER = "files"  # beneath the storage
_DIGEST = re.compile(r"[0-9a-f]{64}")  # others are being written
_ATTEMPTS = 2  # what broke on its way is fetched again


class Files:
    """Those of one storage: a folder, or an address."""

    def __init__(self, storage: str) -> None:
        self._storage = Bounded(opened(within(storage, FOLDER)))

    def send(self, files: Mapping[str, Path], wanted: Callable[[], bool] = lambda: True) -> int:
        """Put what the storage has not yet there, sha256 → file, while it is wanted; how many bytes that was."""
        there, sent = set(self._storage.names()), 0
        for digest, file in files.items():
            if digest not in there and wanted():
                self._storage.send(digest, file)
                sent += file.stat().st_size
        return sent

    def fetch(self, digest: str, file: Path) -> None:
        """Write it to `file`, atomically; raises what `fill` does, and DiskFull."""
        with artifacts.replacing(file) as temporary:
            self.fill(temporary, digest, file.name)

    def fill(self, file: Path, digest: str, name: str) -> int:
        """Let a file have this content, verified; how many bytes were moved for it. `name` is what people call it.

        Raises MissingFile when the storage has it not, DigestMismatch when it holds something else, StorageLost.
        """
        moved = 0
        for _ in range(_ATTEMPTS):
            if not self._storage.fetch(digest, file):
                why, remedy = "the storage has it no more", "run the same command again, which sends it"
                raise MissingFile(name, where=f"{FOLDER}/{digest}", why=why, remedy=remedy)
            moved += file.stat().st_size
            if artifacts.file_digest(file) == digest:
                return moved
        why, remedy = f"its sha256 is not {digest[:12]}…", "delete it there and run the same command again, which sends it"
        raise DigestMismatch(name, where=f"{FOLDER}/{digest}", why=why, remedy=remedy)

    def keep_only(self, digests: Collection[str]) -> int:
        """Delete all others; how many there were."""
        others = [name for name in self._storage.names() if _DIGEST.fullmatch(name) and name not in digests]
        for name in others:
            self._storage.delete(name)
        return len(others)
