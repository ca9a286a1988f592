"""How many trials run at once and what each asks Ray for; fewer share a GPU from the moment one finds too little memory there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from pipeline.search.packing import Packing
from pipeline.search.resources import Node, Resources


class Room:
    """That of one search, on `gpus` GPUs of `memory` bytes each; what changes is told in a line.

    On a cluster `nodes()` are those that are there now, and there is room for as many trials as they hold; `want(trials, each)`
    is told for how many there should be some.
    """

    def __init__(
        self,
        resources: Resources,
        gpus: int = 0,
        memory: float = 0.0,
        tell: Callable[[str], None] = lambda line: None,
        nodes: Callable[[], Sequence[Node]] | None = None,
        want: Callable[[int, Mapping[str, float]], None] = lambda trials, each: None,
    ) -> None:
        self._resources, self._gpus, self._tell, self._nodes, self._want = resources, gpus, tell, nodes, want
        self._packing = Packing(resources.trials_a_gpu, memory)
        self.at_first = resources.trials_a_gpu  # so many shared a GPU when the search began

    @property
    def on_this_machine(self) -> bool:
        """Whether all trials are."""
        return self._nodes is None

    @property
    def slots(self) -> int:
        """Trials at once."""
        if self._nodes is not None:
            asked = self.asked(self.trials_a_gpu)
            return sum(node.trials(asked["cpu"], asked["gpu"]) for node in self._nodes())
        lowered = self.trials_a_gpu < self.at_first
        return min(self._resources.slots, self._gpus * self.trials_a_gpu) if lowered else self._resources.slots

    @property
    def trials_a_gpu(self) -> int:
        """So many share a GPU that are handed out now."""
        return self._packing.trials

    def asked(self, trials_a_gpu: int) -> dict[str, float]:
        """What a trial asks Ray for when so many share its GPU; a Ray of our own has one CPU a slot, whatever a trial has."""
        shared = trials_a_gpu < self.at_first
        return {
            "cpu": 1.0 if self._nodes is None else self._resources.cpus,
            "gpu": Packing(trials_a_gpu).share if shared else self._resources.gpus,
        }

    def wanted(self, live: int, more: Callable[[], bool]) -> None:
        """So many trials run; if `more` could, a cluster that grows on demand may have twice the room, else it may shrink."""
        if self._nodes is not None:
            self._want(2 * live + 1 if more() else live, self.asked(self.trials_a_gpu))

    def too_little(self, trials_a_gpu: int, needed: float) -> None:
        """A trial that shared its GPU among so many found too little memory, and needs more than so many bytes."""
        if trials_a_gpu > self.trials_a_gpu:
            return  # it began before the last change
        self._packing = self._packing.lowered(needed)
        self._tell(
            f"a trial found too little memory beside others: from now on {self.trials_a_gpu} share a GPU, not {trials_a_gpu}"
        )

    def say_what_was_moved(self, data_bytes: int, nodes: Collection[str]) -> None:
        """On a cluster, how much of the images went how far: each node has them once, whatever the number of its trials."""
        if self._nodes is not None:
            self._tell(f"{data_bytes / 1e6:.1f} MB of images went to each of {len(nodes)} nodes, once")
