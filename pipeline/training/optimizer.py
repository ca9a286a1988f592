"""The optimizer of a trial and its learning rate at every step."""

from __future__ import annotations

import math
from typing import Any

import torch

from pipeline.training.hyperparameters import TrainHyperparameters
from pipeline.training.uncompiled import leave_out_the_compiler

_WARM_UP = 0.05  # share of all steps in which the cosine schedule rises to its peak
_RISE = 0.3  # share of all steps in which one cycle rises to its peak
_START = 1 / 25  # of the peak, where one cycle begins


def optimizer(network: torch.nn.Module, train: TrainHyperparameters) -> torch.optim.Optimizer:
    """SGD with momentum, Adam (weight decay as L2 penalty) or AdamW (decoupled); fused kernels, one call a step."""
    leave_out_the_compiler()
    groups, rate, decay = _groups(network, train), train.learning_rate, train.weight_decay
    match train.optimizer:
        case "sgd":
            return torch.optim.SGD(groups, rate, train.momentum, weight_decay=decay, fused=True)
        case "adam":
            return torch.optim.Adam(groups, rate, weight_decay=decay, fused=True)
        case "adamw":
            return torch.optim.AdamW(groups, rate, weight_decay=decay, fused=True)


def learning_rate(train: TrainHyperparameters, step: int, steps: int) -> float:
    """The rate of `step` (from 0) out of `steps` in the whole plan.

    cosine: a short linear warm-up, then annealing as in arXiv:1608.03983, without restarts. one_cycle: a long rise from a 25th
    of the peak, then the same annealing (Smith and Topin, arXiv:1708.07120).
    """
    peak = train.learning_rate
    match train.schedule:
        case "constant":
            return peak
        case "cosine":
            warm = math.ceil(_WARM_UP * steps)
            return peak * (step + 1) / warm if step < warm else peak * _annealed(step - warm, steps - warm)
        case "one_cycle":
            rise = math.ceil(_RISE * steps)
            return peak * (_START + (1 - _START) * step / rise) if step < rise else peak * _annealed(step - rise, steps - rise)


def _annealed(step: int, steps: int) -> float:
    """From 1 at step 0 down towards 0 at `steps`, along half a cosine."""
    return (1 + math.cos(math.pi * step / steps)) / 2


def _groups(network: torch.nn.Module, train: TrainHyperparameters) -> list[dict[str, Any]]:
    """All parameters, or those of two dimensions and more apart from the others, which never decay."""
    every = list(network.parameters())
    if train.decayed == "all" or not train.weight_decay:
        return [{"params": every}]
    others = {"params": [values for values in every if values.ndim < 2], "weight_decay": 0.0}
    return [{"params": [values for values in every if values.ndim >= 2]}, others]
