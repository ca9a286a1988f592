"""Cross-entropy and probabilities of one logit and of n, of plain and of mixed images."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from pipeline.data.augmentation.mixing import Mixed
from pipeline.training.loss import cross_entropy, mixed_cross_entropy, probabilities

WEIGHTS = torch.tensor([0.4, 1.0, 1.9])
SMOOTHINGS = [0.0, 0.1, 0.5]


def by_hand(logits: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
    """The mean over samples of −Σ weight · target · log probability, for targets N×n that sum to 1."""
    terms = targets * logits.double().log_softmax(1)
    return -(terms if weights is None else terms * weights).sum(1).mean().float()


def smoothed(labels: torch.Tensor, classes: int, smoothing: float) -> torch.Tensor:
    return (1 - smoothing) * F.one_hot(labels, classes) + smoothing / classes


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize("weights", [None, WEIGHTS[:2]], ids=["plain", "weighted"])
def test_one_logit_means_the_same_as_two(weights: torch.Tensor | None, smoothing: float) -> None:
    logit, labels = torch.randn(20, 1), torch.randint(0, 2, (20,))
    pair = torch.cat([torch.zeros(20, 1), logit], 1)
    one, two = (cross_entropy(logits, labels, smoothing, weights) for logits in (logit, pair))
    torch.testing.assert_close(one, two)
    torch.testing.assert_close(probabilities(logit), probabilities(pair))


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
def test_the_loss_is_the_mean_over_samples(weights: torch.Tensor | None, smoothing: float) -> None:
    logits, labels = torch.randn(20, 3), torch.randint(0, 3, (20,))
    expected = by_hand(logits, smoothed(labels, 3, smoothing), weights)
    torch.testing.assert_close(cross_entropy(logits, labels, smoothing, weights), expected)


def test_weights_of_one_change_nothing_and_a_class_of_weight_two_counts_twice() -> None:
    logits, labels = torch.randn(20, 3), torch.arange(20) % 3
    torch.testing.assert_close(cross_entropy(logits, labels, weights=torch.ones(3)), cross_entropy(logits, labels))
    twice = torch.cat([torch.arange(20), (labels == 2).nonzero()[:, 0]])
    weighted = cross_entropy(logits, labels, weights=torch.tensor([1.0, 1.0, 2.0]))
    torch.testing.assert_close(weighted * 20, cross_entropy(logits[twice], labels[twice]) * len(twice))


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize("weighted", [False, True])
def test_a_mixed_image_counts_for_both_labels_by_their_shares(classes: int, smoothing: float, weighted: bool) -> None:
    logits, share = torch.randn(20, 1 if classes == 2 else classes), torch.rand(20)
    first, second = torch.randint(0, classes, (2, 20))
    weights = WEIGHTS[:classes] if weighted else None
    targets = share.view(-1, 1) * smoothed(first, classes, smoothing) + (1 - share).view(-1, 1) * smoothed(
        second, classes, smoothing
    )
    pair = torch.cat([torch.zeros(20, 1), logits], 1) if classes == 2 else logits
    found = mixed_cross_entropy(logits, Mixed(torch.empty(20, 0), first, second, share), smoothing, weights)
    torch.testing.assert_close(found, by_hand(pair, targets, weights))


def test_an_image_mixed_with_nothing_counts_as_it_is() -> None:
    logits, labels = torch.randn(20, 3), torch.randint(0, 3, (20,))
    for share, expected in ((torch.ones(20), labels), (torch.zeros(20), labels.flip(0))):
        mixed = Mixed(torch.empty(20, 0), labels, labels.flip(0), share)
        torch.testing.assert_close(mixed_cross_entropy(logits, mixed), cross_entropy(logits, expected))


def test_a_class_of_no_weight_counts_for_nothing() -> None:
    """A class without train images; with one logit too."""
    logit, labels = torch.randn(20, 1), torch.arange(20) % 2
    for weights in (torch.tensor([0.0, 1.0]), torch.tensor([1.0, 0.0])):
        kept = labels == int(weights.argmax())
        found = cross_entropy(logit, labels, weights=weights) * 20
        torch.testing.assert_close(found, cross_entropy(logit[kept], labels[kept]) * int(kept.sum()))


def test_extreme_logits_stay_finite() -> None:
    logits, labels = torch.tensor([[1e4], [-1e4]]), torch.tensor([0, 1])
    assert cross_entropy(logits, labels).item() == pytest.approx(1e4)
    assert probabilities(logits).tolist() == [[0.0, 1.0], [1.0, 0.0]]
