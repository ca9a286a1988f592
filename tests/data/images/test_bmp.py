"""Run lengths of a BMP: what they say is shown, and what they must not say is refused."""

from __future__ import annotations

import pytest

from pipeline.data.images.decode import decode
from pipeline.errors import ImageRefused
from tests.data.images.encode import bmp

GREY = b"".join(bytes([level] * 3) + b"\0" for level in range(256))
RUNS = {  # data → rows from the top of a picture of 4×2; BMPs begin at the bottom
    "runs": (b"\x04\x07\0\0\x04\x09\0\1", [[9] * 4, [7] * 4]),
    "literals": (b"\0\x04\1\2\3\4\0\0\x04\x09\0\1", [[9] * 4, [1, 2, 3, 4]]),
    "padded literals": (b"\0\x03\1\2\3\0\x01\x04\0\0\x04\x09\0\1", [[9] * 4, [1, 2, 3, 4]]),
    "a move": (b"\x01\x07\0\2\x02\x01\x01\x09\0\1", [[0, 0, 0, 9], [7, 0, 0, 0]]),
    "no end, but complete": (b"\x04\x07\0\0\x04\x09", [[9] * 4, [7] * 4]),
}


@pytest.mark.parametrize(("data", "rows"), RUNS.values(), ids=RUNS)
def test_runs_are_shown(data: bytes, rows: list[list[int]]) -> None:
    assert decode(bmp(4, 2, 8, data, 1, GREY)).pixels[..., 0].tolist() == rows


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x05\x07\0\1", "broken"),
        (b"\0\x05\1\2\3\4\5\0\0\1", "broken"),
        (b"\0\2\x00\x03\0\1", "broken"),
        (b"\0\0\0\0\x01\x07\0\1", "broken"),
        (b"\x04\x07\0\0\x03\x09", "truncated"),
        (b"\x04\x07\0\2\x01", "truncated"),
    ],
)
def test_runs_that_leave_the_picture_or_end_early_are_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ImageRefused) as caught:
        decode(bmp(4, 2, 8, data, 1, GREY))
    assert caught.value.what == reason
