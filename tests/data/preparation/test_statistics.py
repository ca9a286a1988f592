from __future__ import annotations

import numpy as np
import pytest

from pipeline.data.preparation.statistics import channel_statistics


@pytest.mark.parametrize("channels", [1, 3])
def test_statistics_equal_numpy_in_double_precision(channels: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (300, channels, 5, 5), dtype=np.uint8)
    mean, std = channel_statistics(images)
    assert mean == pytest.approx((images / 255).mean((0, 2, 3)), rel=1e-12)
    assert std == pytest.approx((images / 255).std((0, 2, 3)), rel=1e-12)


def test_a_constant_channel_gets_one() -> None:
    images = np.full((2, 2, 3, 3), 51, np.uint8)
    images[0, 1] = 0
    mean, std = channel_statistics(images)
    assert mean == pytest.approx((0.2, 0.1))
    assert std == pytest.approx((1.0, 0.1))
