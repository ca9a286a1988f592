"""The checkpoints of the trials of one study, each behind its own sha256, and the ledger of the epochs that were begun.

On one machine a trial has one file. On several, each attempt at a trial writes files of its own, and who takes the trial up reads
those of the latest attempt: a worker that is cut off from the driver, and trains on although another has taken its trial over,
spoils nothing.
"""

from __future__ import annotations

import json
import os
import platform
import re

from pipeline import artifacts
from pipeline.cluster.bounded import SECONDS, Bounded
from pipeline.cluster.place import opened
from pipeline.cluster.storage import SHARED, Storage
from pipeline.errors import DigestMismatch

LEDGER = "ledger.jsonl"  # every epoch a worker began: what was really done, independent of the study
_CHECKPOINT = re.compile(r"(?P<key>[\w-]+?)(\.(?P<attempt>\d+))?\.checkpoint")


def checkpoint_name(trial_key: str, attempt: int = 0) -> str:
    """Of the file; attempt: from 1 where several machines train, 0 on one machine."""
    return f"{trial_key}.{attempt}.checkpoint" if attempt else f"{trial_key}.checkpoint"


class Checkpoints:
    """Those of a trial, as one attempt at it sees them."""

    def __init__(self, place: str, trial_key: str, attempt: int, seconds: float = SECONDS) -> None:
        """Where several machines train, raises StorageLost when the storage does not answer in so many seconds."""
        storage = opened(place)
        self._storage: Storage = Bounded(storage, seconds) if attempt else storage
        self._key, self._attempt = trial_key, attempt

    def reachable(self) -> bool:
        """Whether this node sees the storage: on one machine it does, elsewhere it shows a file that the driver wrote."""
        return not self._attempt or self._storage.read(SHARED) is not None

    def latest(self) -> bytes | None:
        """Of this attempt or the latest before it. None without one that is whole: the trial starts over and ends the same."""
        for attempt in sorted(self._attempts(), reverse=True):
            sealed = self._storage.read(checkpoint_name(self._key, attempt))
            try:
                return None if sealed is None else artifacts.unsealed(self._key, sealed)
            except DigestMismatch:
                continue
        return None

    def write(self, content: bytes) -> None:
        """After it earlier attempts have none."""
        self._storage.write(checkpoint_name(self._key, self._attempt), artifacts.sealed(content))
        for attempt in self._attempts() if self._attempt else ():
            if attempt < self._attempt:
                self._storage.delete(checkpoint_name(self._key, attempt))

    def begin_epoch(self, epoch: int) -> None:
        """Note it in the ledger."""
        entry: dict[str, str | int] = {"trial_key": self._key, "epoch": epoch, "pid": os.getpid()}
        if self._attempt:
            entry |= {"attempt": self._attempt, "host": platform.node()}
        self._storage.append(f"{self._key}.{self._attempt}.ledger" if self._attempt else LEDGER, json.dumps(entry))

    def _attempts(self) -> list[int]:
        """Those that left a checkpoint."""
        if not self._attempt:
            return [0]
        return [attempt for key, attempt in _found(self._storage) if key == self._key]


def next_attempt(place: str) -> int:
    """A number that no attempt at any trial there had."""
    return 1 + max((attempt for _, attempt in _found(opened(place))), default=0)


def delete(place: str, trial_keys: list[str]) -> None:
    """All that the attempts at these trials left, but for the ledger."""
    storage, unwanted = opened(place), set(trial_keys)
    for key, attempt in _found(storage) if unwanted else ():
        if key in unwanted:
            storage.delete(checkpoint_name(key, attempt))


def delete_all(place: str) -> None:
    """Of whatever trials; the ledgers stay."""
    storage = opened(place)
    for key, attempt in _found(storage):
        storage.delete(checkpoint_name(key, attempt))


def _found(storage: Storage) -> list[tuple[str, int]]:
    matches = (_CHECKPOINT.fullmatch(name) for name in storage.names())
    return [(match["key"], int(match["attempt"] or 0)) for match in matches if match]
