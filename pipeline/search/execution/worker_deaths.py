"""Why a worker died: for want of memory, with its node or its GPU, because it hung, or of itself; and what comes of it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from pipeline.search.execution.hangs import Hang

WORKER_DEATHS = 3  # a trial is retried from its checkpoint this often when its worker dies
NODES_LOST = 10  # and this often in a row without an epoch when a whole node goes
_VMSTAT = Path("/proc/vmstat")
_NODE_GONE = ("its node has died", "The actor is temporarily unavailable")
_GPU_FAILED = re.compile(r"\bGpuFailed: (.+)")
_OF_RAY = "killed due to the node running low on memory"  # so Ray's memory monitor begins whenever it kills


class MemoryKills:
    """Tells deaths for want of memory from others, from what Ray says and from the kernel's own count of such kills."""

    def __init__(self, vmstat: Path | None = _VMSTAT) -> None:
        """vmstat: None when the workers are not on this machine."""
        self._vmstat = vmstat
        self._known = self._count()

    def explain(self, error: str) -> bool:
        """Whether a worker that has just died with this text of Ray's was killed for want of memory.

        The kernel counts all processes of this machine that it killed since it started, and those in containers, so a kill of
        another process at the same time is taken for one of ours.
        """
        before, self._known = self._known, self._count()
        return self._known > before or _OF_RAY in error

    def _count(self) -> int:
        if self._vmstat is None or not self._vmstat.exists():  # not Linux
            return 0
        counts = dict(line.split() for line in self._vmstat.read_text().splitlines())
        return int(counts.get("oom_kill", 0))


def with_its_node(error: str) -> bool:
    """Whether a worker is gone, as this text of Ray's says, because its whole node is, or the way to it."""
    return any(text in error for text in _NODE_GONE)


@dataclass(frozen=True)
class Death:
    """That of a worker; `given_up`: why its trial is not tried again, if it is not."""

    of_its_node: bool
    for_memory: bool
    given_up: str


class WorkerDeaths:
    """Those of one search, by the keys of trials.

    A node that goes takes its workers along, for which no trial is to blame: that counts as long as the trial gets nowhere.
    """

    def __init__(self, memory_kills: MemoryKills) -> None:
        self._memory_kills = memory_kills
        self._deaths: Counter[str] = Counter()
        self._nodes_lost: Counter[str] = Counter()  # since the trial was last heard of
        self._hangs: dict[str, list[Hang]] = {}  # whose workers were ended

    def heard(self, key: str) -> None:
        """The trial gets on."""
        self._nodes_lost.pop(key, None)

    def hung(self, hang: Hang) -> None:
        """A worker is ended for this, of which `add` will hear."""
        self._hangs.setdefault(hang.trial_key, []).append(hang)

    def add(self, key: str, error: str) -> Death:
        """A worker of this trial has died with this text of Ray's."""
        of_its_node = with_its_node(error)
        (self._nodes_lost if of_its_node else self._deaths)[key] += 1
        for_memory = not of_its_node and self._memory_kills.explain(error)
        return Death(of_its_node, for_memory, self._given_up(key, for_memory, error))

    def _given_up(self, key: str, for_memory: bool, error: str) -> str:
        deaths, hangs = self._deaths[key], self._hangs.get(key, [])
        if self._nodes_lost[key] > NODES_LOST:
            return f"{NODES_LOST + 1} nodes went away, one after another, before it trained an epoch there"
        if deaths <= WORKER_DEATHS:
            return ""
        if for_memory:
            return f"its worker was killed for want of memory {deaths} times"
        if said := _GPU_FAILED.findall(error):
            return f"its worker process was ended {deaths} times, at last for this: {said[-1]}"
        if not hangs:
            return f"its worker process died {deaths} times"
        return f"its worker process died {deaths} times, {len(hangs)} of them ended because it {hangs[-1]}"
