"""Which hyperparameters to try next: one module a sampler, made anew for each trial so that a restart changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.config import did_you_mean
from pipeline.errors import UnknownName
from pipeline.search.samplers.gp import Gp
from pipeline.search.samplers.nsga2 import Nsga2
from pipeline.search.samplers.qmc import Qmc
from pipeline.search.samplers.random import Random
from pipeline.search.samplers.sampling import Sampling, trial_seed
from pipeline.search.samplers.tpe import Tpe

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

__all__ = ["SAMPLERS", "Sampling", "sampler", "trial_seed"]

SAMPLERS: dict[str, type[Sampling]] = {"tpe": Tpe, "gp": Gp, "qmc": Qmc, "random": Random, "nsga2": Nsga2}


def sampler(name: str, seed: int, number: int, options: Sampling | None = None) -> BaseSampler:
    """A fresh sampler for trial `number` (from 0) of the study seeded `seed`; raises UnknownName with the names there are.

    What it suggests depends on (seed, number), its options and the study alone: whatever ran before in this process changes
    nothing. `options` are the sampler's section of params.yaml, by default its defaults.
    """
    if name not in SAMPLERS:
        raise UnknownName("sampler", why=f"{name!r} does not exist", remedy=did_you_mean(name, SAMPLERS))
    return (options or SAMPLERS[name]()).build(seed, number)
