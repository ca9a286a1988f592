"""Which hyperparameters to try next: Optuna's samplers, reseeded for every trial so that a restarted study goes on unchanged."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from optuna.samplers import BaseSampler, RandomSampler, TPESampler

from pipeline.config import did_you_mean
from pipeline.errors import UnknownName

# Optuna's defaults (multivariate, constant liar) serve a single objective with parallel trials.
SAMPLERS: dict[str, Callable[[int], BaseSampler]] = {
    "tpe": lambda seed: TPESampler(seed=seed),
    "random": lambda seed: RandomSampler(seed=seed),
}


def sampler(name: str, seed: int, number: int) -> BaseSampler:
    """A fresh sampler for trial `number` (from 0) of the study seeded `seed`; raises UnknownName with the names there are.

    Its random state depends on (seed, number) alone: whatever ran before in this process changes nothing.
    """
    if name not in SAMPLERS:
        raise UnknownName("sampler", why=f"{name!r} does not exist", remedy=did_you_mean(name, SAMPLERS))
    return SAMPLERS[name](trial_seed(seed, number))


def trial_seed(seed: int, number: int) -> int:
    """A seed of its own for each trial: 32 bits of sha256, because neighbouring seeds must not give related random states."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{number}".encode()).digest()[:4], "big")
