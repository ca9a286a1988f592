"""What every sampler is: a section of params.yaml that builds one of Optuna's samplers for one trial."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from pipeline.config import Section

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class Sampling(Section, ABC):
    """The options of a sampler; Optuna is imported when it is built, so that reading params.yaml never waits for it."""

    @abstractmethod
    def build(self, seed: int, number: int) -> BaseSampler:
        """The sampler of trial `number` of the study seeded `seed`, without any state from other trials."""


def trial_seed(seed: int, number: int) -> int:
    """A seed of its own for each trial: 32 bits of sha256, because neighbouring seeds must not give related random states."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{number}".encode()).digest()[:4], "big")
