"""Cross-entropy for n logits or for one, and the probabilities that belong to it."""

from __future__ import annotations

import torch
import torch.nn.functional as F


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor, smoothing: float = 0.0) -> torch.Tensor:
    """Mean cross-entropy of float N×n (or N×1, the logit of class 1) against int64 labels N; a scalar.

    `smoothing` moves that share of each target evenly onto all classes (Szegedy et al., arXiv:1512.00567).
    """
    if logits.shape[1] > 1:
        return F.cross_entropy(logits, labels, label_smoothing=smoothing)
    targets = labels.to(logits.dtype) * (1 - smoothing) + smoothing / 2
    return F.binary_cross_entropy_with_logits(logits[:, 0], targets)


def probabilities(logits: torch.Tensor) -> torch.Tensor:
    """float N×n, rows that sum to 1; one logit becomes two columns."""
    if logits.shape[1] > 1:
        return logits.softmax(1)
    return torch.cat([-logits, logits], 1).sigmoid()
