from __future__ import annotations

import torch

from pipeline.data.preparation.standardize import Standardize


def test_it_uses_the_statistics_channel_by_channel() -> None:
    image = torch.tensor([[[[0]], [[255]], [[51]]]], dtype=torch.uint8)
    standardize = Standardize((0.0, 0.5, 0.2), (1.0, 0.25, 0.1))
    standardized = standardize(image)
    assert standardized.dtype == torch.float32
    assert torch.allclose(standardized.flatten(), torch.tensor([0.0, 2.0, 0.0]), atol=1e-6)
    assert torch.equal(standardize.shares(image.float() / 255), standardized)
