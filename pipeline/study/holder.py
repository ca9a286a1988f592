"""Who searches on a study: what a driver says of itself, for whoever comes second or looks on."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.errors import StudyBusy


@dataclass(frozen=True)
class Holder:
    """The process that searches on a study; `started` is unix seconds."""

    pid: int
    host: str
    command: str
    started: float

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Holder:
        """From what it wrote down, which may not be there yet."""
        process = record.get("process", {"pid": 0, "started": time.time()})
        return cls(process["pid"], record.get("host", ""), record.get("command", ""), process["started"])

    def busy(self) -> StudyBusy:
        """The refusal of whoever comes second."""
        age = max(0, int(time.time() - self.started))
        why = f"process {self.pid}@{self.host} ({self.command}) has been searching on it for {age} s"
        return StudyBusy("this study", why=why, remedy="wait for it or stop it")
