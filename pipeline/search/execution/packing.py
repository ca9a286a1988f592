"""How many trials share a GPU: as many as its memory holds of the largest network of the space.

The largest decides, not the usual one, so that what a trial computes does not depend on who trains beside it: a batch that did
not fit would go through the network in parts, which is inexact with batch normalization.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

MEGABYTE = 10**6  # bytes, wherever memory is told to people
GPU_MEGABYTES = "gpu_megabytes"  # by this name the study keeps what a trial took at its peak
MOST = 16  # more trials at once leave a sampler and a stopping rule too little to go by
_CONTEXT = 600 * 2**20  # bytes that a process takes on a GPU before it computes: CUDA's context and libraries
_WORKSPACE = 256 * 2**20  # bytes of the kernels, which no estimate counts; in what was measured they are counted
_GIVEN_OUT = 0.95  # of the memory; the rest is the display's, the driver's, and lost between blocks
_SHARES = 10_000  # Ray counts a GPU in parts of so many


@dataclass(frozen=True)
class Needed:
    """Bytes on the device that a trial was estimated to need, and the peak that was measured."""

    estimated: float
    measured: float


def trials_a_gpu(estimated: Sequence[float], data: float, memory: float, cores: int, earlier: Sequence[Needed]) -> int:
    """Trials that share a GPU of `memory` bytes, from 1 to MOST, and no more than the `cores` there are for it.

    estimated: bytes of configurations of the space, without the `data` that each trial holds there. earlier: trials that ran, of
    which those correct the estimate that are not much smaller than the largest: of small ones nearly all is workspace.
    """
    largest = max(estimated, default=0.0)
    known = [one.measured / one.estimated for one in earlier if one.estimated >= largest / 2 > 0]
    need = max(known) * largest if known else largest + data + _WORKSPACE
    return max(1, min(int(_GIVEN_OUT * memory / (need + _CONTEXT)), cores, MOST))


@dataclass(frozen=True)
class Packing:
    """So many `trials` share a GPU of `memory` bytes."""

    trials: int
    memory: float = math.inf

    @property
    def share(self) -> float:
        """Of a GPU, that each asks Ray for: so many fit, and not one more."""
        return _SHARES // self.trials / _SHARES

    @property
    def cap(self) -> float:
        """Of the memory, that the tensors of each may take, so that none starves another."""
        return 1.0 if self.trials == 1 else max(0.0, _GIVEN_OUT / self.trials - _CONTEXT / self.memory)

    def holds(self, needed: float) -> bool:
        """Whether a trial of this packing may have more than so many bytes; 0 when nobody knows how many."""
        return needed == 0 or _GIVEN_OUT * self.memory >= self.trials * (needed + _CONTEXT)

    def lowered(self, needed: float) -> Packing:
        """After a trial of this packing ran out of memory, which needs more than so many bytes: at least one less."""
        fit = int(_GIVEN_OUT * self.memory / (needed + _CONTEXT))
        return replace(self, trials=max(1, min(fit, self.trials - 1)))
