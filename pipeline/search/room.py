"""How many trials run at once and what each asks Ray for; fewer share a GPU from the moment one finds too little memory there."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.search.packing import Packing
from pipeline.search.resources import Resources


class Room:
    """That of one search, on `gpus` GPUs of `memory` bytes each; what changes is told in a line."""

    def __init__(
        self, resources: Resources, gpus: int = 0, memory: float = 0.0, tell: Callable[[str], None] = lambda line: None
    ) -> None:
        self._resources, self._gpus, self._tell = resources, gpus, tell
        self._packing = Packing(resources.trials_a_gpu, memory)
        self.slots = resources.slots
        self.at_first = resources.trials_a_gpu  # so many shared a GPU when the search began

    @property
    def trials_a_gpu(self) -> int:
        """So many share a GPU that are handed out now."""
        return self._packing.trials

    def asked(self, trials_a_gpu: int) -> dict[str, float]:
        """What a trial asks Ray for when so many share its GPU: one of its processors, of which it has one a slot."""
        shared = trials_a_gpu < self.at_first
        return {"cpu": 1.0, "gpu": Packing(trials_a_gpu).share if shared else self._resources.gpus}

    def too_little(self, trials_a_gpu: int, needed: float) -> None:
        """A trial that shared its GPU among so many found too little memory, and needs more than so many bytes."""
        if trials_a_gpu > self.trials_a_gpu:
            return  # it began before the last change
        self._packing = self._packing.lowered(needed)
        self.slots = min(self.slots, self._gpus * self.trials_a_gpu)
        self._tell(
            f"a trial found too little memory beside others: from now on {self.trials_a_gpu} share a GPU, not {trials_a_gpu}"
        )
