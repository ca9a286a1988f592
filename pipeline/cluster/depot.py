"""What a job is given and what it brings back: files by their sha256 beneath `cluster.storage`, so that none is sent twice."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from pipeline import artifacts
from pipeline.cluster.place import opened, within
from pipeline.errors import DigestMismatch, MissingFile, SecurityRefusal

_DIGEST = re.compile(r"[0-9a-f]{64}")
FOLDER = "jobs"  # beneath the storage


class Depot:
    """Of one storage: a folder, or an address."""

    def __init__(self, storage: str) -> None:
        self._files, self._records = (opened(within(storage, f"{FOLDER}/{part}")) for part in ("files", "records"))

    def send(self, root: Path, names: Iterable[str]) -> tuple[dict[str, str], int]:
        """The sha256 of each of these files of `root`; how many bytes had to be sent, because the depot had them not."""
        there, digests, sent = set(self._files.names()), {}, 0
        for name in sorted(names):
            digests[name] = artifacts.file_digest(root / name)
            if digests[name] not in there:
                content = artifacts.read_bytes(root / name)
                self._files.write(digests[name], content)
                there.add(digests[name])
                sent += len(content)
        return digests, sent

    def fetch(self, digests: Mapping[str, str], root: Path) -> None:
        """Write these files beneath `root`; raises MissingFile, or DigestMismatch for one that is not what was sent.

        Raises SecurityRefusal for a name that leads out of it: whoever can write to the storage is not thereby let in here.
        """
        for name, digest in digests.items():
            _require_harmless(name, digest)
            content = self._files.read(digest)
            if content is None:
                raise MissingFile(name, where=f"{FOLDER}/files/{digest}", why="the storage has lost it", remedy="submit it again")
            if artifacts.sha256(content) != digest:
                why = f"its sha256 is not {digest[:12]}…"
                raise DigestMismatch(name, where=f"{FOLDER}/files/{digest}", why=why, remedy="delete it there and run it again")
            artifacts.write_bytes(root / name, content)

    def write(self, key: str, record: Mapping[str, Any]) -> None:
        """Keep a record under a name."""
        self._records.write(f"{key}.json", json.dumps(record, indent=2, sort_keys=True).encode())

    def read(self, key: str) -> dict[str, Any] | None:
        """The record of this name; None where there is none."""
        content = self._records.read(f"{key}.json")
        return None if content is None else json.loads(content)


def _require_harmless(name: str, digest: str) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not _DIGEST.fullmatch(digest):
        why, remedy = "it would lead out of the project or of the storage", "look at who may write to cluster.storage"
        raise SecurityRefusal(name, where=f"{FOLDER}/records", why=why, remedy=remedy)
