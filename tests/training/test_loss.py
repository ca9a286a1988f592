"""Cross-entropy and probabilities of one logit and of n."""

from __future__ import annotations

import pytest
import torch

from pipeline.training.loss import cross_entropy, probabilities


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_one_logit_means_the_same_as_two(smoothing: float) -> None:
    logit, labels = torch.randn(20, 1), torch.randint(0, 2, (20,))
    pair = torch.cat([torch.zeros(20, 1), logit], 1)
    torch.testing.assert_close(cross_entropy(logit, labels, smoothing), cross_entropy(pair, labels, smoothing))
    torch.testing.assert_close(probabilities(logit), probabilities(pair))


def test_extreme_logits_stay_finite() -> None:
    logits, labels = torch.tensor([[1e4], [-1e4]]), torch.tensor([0, 1])
    assert cross_entropy(logits, labels).item() == pytest.approx(1e4)
    assert probabilities(logits).tolist() == [[0.0, 1.0], [1.0, 0.0]]
