"""The optimizer of a trial and its learning rate at every step."""

from __future__ import annotations

import math

import torch

from pipeline.training.hyperparameters import TrainHyperparameters

_WARM_UP = 0.05  # share of all steps in which the cosine schedule rises to its peak


def optimizer(network: torch.nn.Module, train: TrainHyperparameters) -> torch.optim.Optimizer:
    """SGD with momentum, Adam (weight decay as L2 penalty) or AdamW (decoupled); fused kernels, one call a step."""
    weights, rate, decay = network.parameters(), train.learning_rate, train.weight_decay
    match train.optimizer:
        case "sgd":
            return torch.optim.SGD(weights, rate, train.momentum, weight_decay=decay, fused=True)
        case "adam":
            return torch.optim.Adam(weights, rate, weight_decay=decay, fused=True)
        case "adamw":
            return torch.optim.AdamW(weights, rate, weight_decay=decay, fused=True)


def learning_rate(train: TrainHyperparameters, step: int, steps: int) -> float:
    """The rate of `step` (from 0) out of `steps` in the whole plan; cosine annealing as in arXiv:1608.03983, without restarts."""
    if train.schedule == "constant":
        return train.learning_rate
    warm = math.ceil(_WARM_UP * steps)
    if step < warm:
        return train.learning_rate * (step + 1) / warm
    return train.learning_rate * (1 + math.cos(math.pi * (step - warm) / (steps - warm))) / 2
