"""Deep and floating-point samples: scaled by what the file says, exact to the pixel, never clipped."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.data.images.decode import decode
from pipeline.errors import ImageRefused
from tests.data.images.encode import grey_tiff, png, tiff

BITS_16, BITS_32 = 2**16 - 1, 2**32 - 1
SCALED = {
    "<u2": ([0, 128, 129, 32768, 65407, BITS_16], [0, 0, 1, 128, 255, 255], "depth-16"),
    ">u2": ([0, 128, 129, 32768, 65407, BITS_16], [0, 0, 1, 128, 255, 255], "depth-16"),
    "<i2": ([-32768, -1, 0, 32767], [0, 127, 128, 255], "depth-signed-16"),
    ">i2": ([-32768, -1, 0, 32767], [0, 127, 128, 255], "depth-signed-16"),
    "<i1": ([-128, -1, 0, 127], [0, 127, 128, 255], "depth-signed-8"),
    "<u4": ([0, 2**31, BITS_32], [0, 128, 255], "depth-32"),
    "<i4": ([-(2**31), -1, 0, 2**31 - 1], [0, 127, 128, 255], "depth-signed-32"),
    ">i4": ([-(2**31), -1, 0, 2**31 - 1], [0, 127, 128, 255], "depth-signed-32"),
}


@pytest.mark.parametrize(("kind", "values", "expected", "code"), [(k, *v) for k, v in SCALED.items()], ids=SCALED)
def test_tiff_integers_are_scaled_by_their_depth(kind: str, values: list[int], expected: list[int], code: str) -> None:
    image = decode(grey_tiff(np.array([values], kind)))
    assert image.pixels[0, :, 0].tolist() == expected
    assert image.conversions == (code,)


def test_every_16_bit_value_is_rounded_to_the_nearest_level() -> None:
    values = np.arange(2**16, dtype=np.uint16).reshape(256, 256)
    nearest = np.round(values / 257)
    for content in (grey_tiff(values), png(values, 0), png(values, 0, interlaced=True)):
        assert np.array_equal(decode(content).pixels[..., 0], nearest)


def test_12_bits_are_scaled_by_4095() -> None:
    packed = bytes([0xFF, 0xF8, 0x00])  # 4095, 2048
    image = decode(tiff(packed, {256: 2, 257: 1, 278: 1, 258: 12}))
    assert (image.pixels[..., 0].tolist(), image.conversions) == ([[255, 128]], ("depth-12",))


@pytest.mark.parametrize(("largest", "value", "pixel"), [(15, 7, 119), (1023, 512, 128), (65535, 32768, 128)])
def test_pgm_is_scaled_by_the_largest_value_it_names(largest: int, value: int, pixel: int) -> None:
    stored = value.to_bytes(1 if largest < 256 else 2, "big") + largest.to_bytes(1 if largest < 256 else 2, "big")
    image = decode(b"P5\n2 1\n%d\n" % largest + stored)
    assert image.pixels[..., 0].tolist() == [[pixel, 255]]
    assert image.conversions == ("depth-16" if largest == 65535 else f"maxval-{largest}",)


@pytest.mark.parametrize(("values", "pixels"), [([0.0, 0.5, 1.0], [0, 128, 255]), ([0.0, 1.4, 255.0], [0, 1, 255]), ([0.0], [0])])
def test_floats_are_of_0_to_1_or_of_0_to_255(values: list[float], pixels: list[int]) -> None:
    image = decode(grey_tiff(np.array([values], np.float32)))
    assert image.pixels[0, :, 0].tolist() == pixels
    assert image.conversions == ("float-255" if max(values) > 1 else "float-unit",)


@pytest.mark.parametrize("value", [-0.1, 255.1, np.nan, np.inf, -np.inf])
def test_floats_of_no_known_range_are_refused_with_their_range(value: float) -> None:
    with pytest.raises(ImageRefused, match=r"float-range — values from .* to ") as caught:
        decode(grey_tiff(np.array([[0.5, value]], np.float32)))
    assert caught.value.what == "float-range"


@pytest.mark.parametrize("kind", ["<i4", "<u4", "<i2"])
def test_integers_that_would_become_one_grey_are_refused(kind: str) -> None:
    """8-bit pictures saved from an array of int32, for example."""
    with pytest.raises(ImageRefused, match=r"values from 0 to 200 ") as caught:
        decode(grey_tiff(np.array([[0, 100, 200]], kind)))
    assert caught.value.what == "integer-range"


@pytest.mark.parametrize(("kind", "values", "expected"), [("<u2", [0, BITS_16], [255, 0]), ("<f4", [0.0, 1.0], [255, 0])])
def test_white_may_be_zero(kind: str, values: list[float], expected: list[int]) -> None:
    image = decode(grey_tiff(np.array([values], kind), t262=0))
    assert image.pixels[0, :, 0].tolist() == expected
    assert image.conversions[-1] == "white-is-zero"


def test_of_16_bit_colour_the_high_byte_is_kept() -> None:
    image = decode(png(np.array([[[0x1234, 0xFFFF, 0x00FF]]], np.uint16), 2))
    assert (image.pixels.tolist(), image.conversions) == ([[[0x12, 0xFF, 0x00]]], ("depth-16-high-byte",))
