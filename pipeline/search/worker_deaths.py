"""Why a worker died: killed for want of memory, by Ray or by the kernel, with its node, or for a reason of its own."""

from __future__ import annotations

from pathlib import Path

_VMSTAT = Path("/proc/vmstat")
_NODE_GONE = ("its node has died", "The actor is temporarily unavailable")
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
