from __future__ import annotations

import base64

import numpy as np
import pytest

from pipeline.data.images.decode import decode
from pipeline.report.thumbnails import data_uri, png


@pytest.mark.parametrize("shape", [(32, 32, 3), (1, 1, 3), (5, 300, 3)])
def test_a_png_holds_exactly_the_pixels(shape: tuple[int, int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    picture[0, 0] = (1, 2, 3)
    assert (decode(png(picture)).pixels == picture).all()
    head, _, body = data_uri(picture).partition(",")
    assert head == "data:image/png;base64" and base64.b64decode(body) == png(picture)
