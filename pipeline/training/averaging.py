"""A moving average of a network's weights: smoother than the last step's, and so what is measured and kept."""

from __future__ import annotations

import copy

import torch
from torch import nn


class WeightAverage:
    """A copy of a network that follows it: after step t each number is averaged over about the last `share`·t steps.

    A window that grows with the training (polynomial-decay averaging, arXiv:1212.1824) forgets the first weights early on and
    needs no plan. The running statistics of batch normalization are averaged like weights; what counts is copied.
    """

    def __init__(self, network: nn.Module, share: float) -> None:
        """As the network is now; `share` from 0, which is a plain copy, to 1, the mean of all steps."""
        self.network, self._share = copy.deepcopy(network).requires_grad_(False), share
        pairs = list(zip(self.network.state_dict().values(), network.state_dict().values(), strict=True))
        self._moving = [pair for pair in pairs if pair[0].is_floating_point()]
        self._counted = [pair for pair in pairs if not pair[0].is_floating_point()]

    def follow(self, step: int) -> None:
        """Take in the weights as they are after `step` (from 1); call it once a step."""
        ours, theirs = zip(*self._moving, strict=True)
        torch._foreach_lerp_(ours, theirs, 1 / (1 + self._share * step))
        for mine, other in self._counted:
            mine.copy_(other)
