"""What a storage keeps for jobs and searches: files by their sha256, and records that say which of them belong to what.

A record that names files is written before they are, and again every hour while somebody works with them, so what no record names
and what nobody has used for days can go.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from pipeline import artifacts
from pipeline.cluster.files import Files
from pipeline.cluster.place import opened, within
from pipeline.cluster.storage import StorageLost
from pipeline.errors import SecurityRefusal

RECORDS = "records"  # beneath the storage
REQUEST, RETURNING, RESULT, FETCHED = "request", "returning", "result", "fetched"  # of a job
IMAGES = "images"  # of searches whose nodes fetch them
RENEWED_SECONDS = 3600.0
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Cleaned:
    """What is gone: keys of jobs and images, and how many files."""

    keys: tuple[str, ...]
    files: int


class Depot:
    """Of one storage: a folder, or an address."""

    def __init__(self, storage: str) -> None:
        self._files, self._records = Files(storage), opened(within(storage, RECORDS))

    def send(self, root: Path, names: Iterable[str], key: str, kind: str, **told: Any) -> tuple[dict[str, str], int]:
        """Keep these files of `root` and, before them, a record with what is `told` and, in `files`, the sha256 of each.

        Returns these and how many bytes had to be sent, because the storage had them not.
        """
        digests = {name: artifacts.file_digest(root / name) for name in sorted(names)}
        self.write(key, kind, {**told, "files": digests})
        return digests, self._files.send({digest: root / name for name, digest in digests.items()})

    def send_files(self, files: Mapping[str, Path], key: str, kind: str, wanted: Callable[[], bool]) -> int:
        """The same for files whose sha256 is known, while it is wanted; how many bytes had to be sent."""
        self.write(key, kind, {"files": {str(file): digest for digest, file in files.items()}})
        return self._files.send(files, wanted)

    def fetch(self, digests: Mapping[str, str], root: Path) -> None:
        """Write these files beneath `root`; raises MissingFile, or DigestMismatch for one that is not what was sent.

        Raises SecurityRefusal for a name that leads out of it: whoever can write to the storage is not thereby let in here.
        """
        for name, digest in digests.items():
            _require_harmless(name, digest)
            self._files.fetch(digest, root / name)

    def write(self, key: str, kind: str, record: Mapping[str, Any]) -> None:
        """Keep a record."""
        content = json.dumps({**record, "used_at": time.time()}, indent=2, sort_keys=True)
        self._records.write(f"{key}.{kind}.json", content.encode())

    def read(self, key: str, kind: str) -> dict[str, Any] | None:
        """The record; None where there is none."""
        content = self._records.read(f"{key}.{kind}.json")
        return None if content is None else json.loads(content)

    @contextlib.contextmanager
    def renewed(self, key: str, kind: str) -> Iterator[None]:
        """While the block runs a record says every hour that it is in use."""
        over = threading.Event()
        threading.Thread(target=self._renew, args=(key, kind, over), name="renewal", daemon=True).start()
        try:
            yield
        finally:
            over.set()

    def _renew(self, key: str, kind: str, over: threading.Event) -> None:
        while not over.wait(RENEWED_SECONDS):
            with contextlib.suppress(StorageLost):  # it may be back in an hour
                if (record := self.read(key, kind)) is not None:
                    self.write(key, kind, record)

    def clean(self, days: float, running: Collection[str] = ()) -> Cleaned:
        """Remove what nobody has used for so many days, and no job needs that runs or whose results were not fetched."""
        used_before = time.time() - max(days * 24 * 3600, 2 * RENEWED_SECONDS)
        records = self._all()
        unneeded = [key for key, kinds in records.items() if key not in running and _over(kinds, used_before)]
        for key in unneeded:
            for kind in records[key]:
                self._records.delete(f"{key}.{kind}.json")
        needed = {digest for kinds in self._all().values() for record in kinds.values() for digest in _digests(record)}
        return Cleaned(tuple(sorted(unneeded)), self._files.keep_only(needed) if unneeded else 0)

    def _all(self) -> dict[str, dict[str, dict[str, Any]]]:
        """key → kind → record."""
        found: dict[str, dict[str, dict[str, Any]]] = {}
        for name in self._records.names():
            key, _, kind = name.removesuffix(".json").rpartition(".")
            if name.endswith(".json") and key and (record := self.read(key, kind)) is not None:
                found.setdefault(key, {})[kind] = record
        return found


def _over(kinds: Mapping[str, Mapping[str, Any]], used_before: float) -> bool:
    waits = RESULT in kinds and FETCHED not in kinds
    return not waits and all(record["used_at"] < used_before for record in kinds.values())


def _digests(record: Mapping[str, Any]) -> Iterable[str]:
    files: dict[str, str] = record.get("files", {})
    return files.values()


def _require_harmless(name: str, digest: str) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not _DIGEST.fullmatch(digest):
        why, remedy = "it would lead out of the project or of the storage", "look at who may write to cluster.storage"
        raise SecurityRefusal(name, where=RECORDS, why=why, remedy=remedy)
