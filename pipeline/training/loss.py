"""Cross-entropy for n logits or for one, of plain and of mixed images, and the probabilities that belong to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from pipeline.data.augmentation.mixing import Mixed


def cross_entropy(
    logits: torch.Tensor, labels: torch.Tensor, smoothing: float = 0.0, weights: torch.Tensor | None = None
) -> torch.Tensor:
    """Mean cross-entropy of float N×n (or N×1, the logit of class 1) against int64 labels N; a scalar.

    `smoothing` moves that share of each target evenly onto all classes (Szegedy et al., arXiv:1512.00567). `weights` (float,
    one a class) multiply the part of each class in each target; the mean is over samples, so weights of mean 1 keep its scale.
    """
    return _each(logits, labels, smoothing, weights).mean()


def mixed_cross_entropy(
    logits: torch.Tensor, mixed: Mixed, smoothing: float = 0.0, weights: torch.Tensor | None = None
) -> torch.Tensor:
    """`cross_entropy` against both labels of each mixed image, by their shares."""
    first, second = (_each(logits, labels, smoothing, weights) for labels in (mixed.labels_a, mixed.labels_b))
    return torch.lerp(second, first, mixed.share).mean()


def probabilities(logits: torch.Tensor) -> torch.Tensor:
    """float N×n, rows that sum to 1; one logit becomes two columns."""
    if logits.shape[1] > 1:
        return logits.softmax(1)
    return torch.cat([-logits, logits], 1).sigmoid()


def _each(logits: torch.Tensor, labels: torch.Tensor, smoothing: float, weights: torch.Tensor | None) -> torch.Tensor:
    """float N: the cross-entropy of each sample."""
    if logits.shape[1] > 1:
        return F.cross_entropy(logits, labels, weights, label_smoothing=smoothing, reduction="none")
    targets = labels.to(logits.dtype) * (1 - smoothing) + smoothing / 2
    if weights is None:
        return F.binary_cross_entropy_with_logits(logits[:, 0], targets, reduction="none")
    present, absent = F.logsigmoid(logits[:, 0]), F.logsigmoid(-logits[:, 0])
    return -(weights[1] * targets * present + weights[0] * (1 - targets) * absent)
