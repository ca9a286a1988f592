"""Loss and confusion matrix equal those of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn import metrics  # type: ignore[import-untyped]
from torch import nn

from pipeline.data.preparation.standardize import Standardize
from pipeline.training.evaluation import evaluate


class _Pixels(nn.Module):
    """Logits that are the first pixels of the image; one unused parameter, so that it has a device."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.units, self.unused = units, nn.Parameter(torch.zeros(1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1)[:, : self.units]


STANDARDIZE = Standardize([0.5], [0.1])


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("batch_size", [1, 7, 1024])
def test_an_evaluation_equals_scikit_learns(classes: int, batch_size: int) -> None:
    numbers = np.random.default_rng(classes)
    images = torch.tensor(numbers.integers(0, 256, (50, 1, 4, 4)), dtype=torch.uint8)
    labels = torch.tensor(numbers.integers(0, classes, 50))
    found = evaluate(_Pixels(1 if classes == 2 else classes), STANDARDIZE, images, labels, batch_size)
    predicted = found.probabilities.argmax(1)
    assert found.probabilities.shape == (50, classes) and found.probabilities.dtype == np.float32
    np.testing.assert_allclose(found.probabilities.sum(1), 1.0, rtol=1e-6)
    np.testing.assert_array_equal(found.confusion, metrics.confusion_matrix(labels, predicted, labels=range(classes)))
    exact = found.probabilities.astype(np.float64)
    expected = metrics.log_loss(labels, exact / exact.sum(1, keepdims=True), labels=range(classes))
    assert found.loss == pytest.approx(expected, rel=1e-4)


def test_one_logit_is_that_of_the_second_class() -> None:
    images = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1)
    found = evaluate(_Pixels(1), STANDARDIZE, images, torch.tensor([0, 1]))
    np.testing.assert_allclose(found.probabilities, [[0.9933, 0.0067], [0.0067, 0.9933]], atol=1e-4)
    np.testing.assert_array_equal(found.confusion, np.eye(2))


def test_large_images_pass_in_smaller_batches() -> None:
    seen: list[int] = []
    network = _Pixels(3)
    network.register_forward_pre_hook(lambda module, inputs: seen.append(len(inputs[0])))
    evaluate(network, STANDARDIZE, torch.zeros(9, 1, 256, 256, dtype=torch.uint8), torch.zeros(9, dtype=torch.int64))
    assert seen == [2, 2, 2, 2, 1]


def test_the_network_is_left_in_evaluation_mode() -> None:
    network = _Pixels(3).train()
    evaluate(network, STANDARDIZE, torch.zeros(1, 1, 4, 4, dtype=torch.uint8), torch.zeros(1, dtype=torch.int64))
    assert not network.training
