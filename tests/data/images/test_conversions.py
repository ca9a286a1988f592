"""Every stored mode becomes grey or RGB by the table of docs/images.md, and says how."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.data.images.decode import decode
from pipeline.data.images.decoding import Decoding
from pipeline.data.images.refusal import REASONS
from pipeline.errors import ImageRefused
from tests.data.images.encode import chunk, cmyk_profile, png, saved, tiff

INKS = Image.new("CMYK", (4, 4), (255, 102, 0, 51))
GUIDE = (Path(__file__).parents[3] / "docs/images.md").read_text()


@pytest.mark.parametrize("kind", ["TIFF", "JPEG"])
def test_cmyk_without_a_profile_is_ink_on_paper(kind: str) -> None:
    image = decode(saved(INKS, kind, **({"quality": 100, "subsampling": 0} if kind == "JPEG" else {})))
    assert image.conversions == ("cmyk",)
    assert np.abs(image.pixels.astype(int) - [0, 122, 204]).max() <= 2  # 255 × (1 − ink) × (1 − black)


@pytest.mark.parametrize("kind", ["TIFF", "JPEG"])
def test_cmyk_goes_by_its_profile(kind: str) -> None:
    image = decode(saved(INKS, kind, icc_profile=cmyk_profile((128, 192, 128))))
    assert image.conversions == ("cmyk-icc",)
    assert np.abs(image.pixels.astype(int) - _srgb(128 / 2.55, 64, 0)).max() <= 1


def test_an_unusable_profile_is_named_and_left_out() -> None:
    image = decode(saved(INKS, "TIFF", icc_profile=b"no profile"))
    assert image.conversions == ("cmyk-icc-unusable",)
    assert np.array_equal(image.pixels, decode(saved(INKS, "TIFF")).pixels)


@pytest.mark.parametrize(
    ("lab", "signed"), [((255, 0, 0), (100, 0, 0)), ((128, 0, 0), (50.196, 0, 0)), ((128, 40, 196), (50.196, 40, -60))]
)
def test_lab_is_that_of_white_d50(lab: tuple[int, ...], signed: tuple[float, ...]) -> None:
    image = decode(tiff(bytes(lab) * 4, {256: 2, 257: 2, 278: 2, 258: (8, 8, 8), 262: 8, 277: 3}))
    assert image.conversions == ("lab",)
    assert np.abs(image.pixels.astype(int) - _srgb(*signed)).max() <= 1


def _srgb(lightness: float, a: float, b: float) -> np.ndarray:
    """CIE 15 and IEC 61966-2-1, from white D50."""
    middle = (lightness + 16) / 116
    ratios = [t**3 if t > 6 / 29 else 3 * (6 / 29) ** 2 * (t - 4 / 29) for t in (middle + a / 500, middle, middle - b / 200)]
    to_rgb = [[3.1338561, -1.6168667, -0.4906146], [-0.9787684, 1.9161415, 0.0334540], [0.0719453, -0.2289914, 1.4052427]]
    linear = np.clip(np.array(to_rgb) @ (np.array(ratios) * [0.9642, 1, 0.8249]), 0, 1)
    return np.round(255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055))


@pytest.mark.parametrize("background", ["#ffffff", "#204060"])
def test_transparent_pixels_show_the_background_that_is_asked_for(background: str) -> None:
    colour = list(bytes.fromhex(background[1:]))
    stored = Image.new("RGBA", (2, 1), (9, 9, 9, 0))
    stored.putpixel((1, 0), (10, 20, 30, 255))
    image = decode(saved(stored, "PNG"), Decoding(background=background))
    assert image.pixels.tolist() == [[colour, [10, 20, 30]]]
    assert image.conversions == (f"alpha-on-{background}",)


LEVELS = np.array([[0, 1, 3]], np.uint8)
CLEAR = {  # one value of a grey PNG is transparent: depth → pixels on a blue background
    1: ([[0, 1]], [[0, 0, 255], [255, 255, 255]]),
    2: ([[0, 1, 3]], [[0, 0, 255], [85, 85, 85], [255, 255, 255]]),
    4: ([[0, 1, 15]], [[0, 0, 255], [17, 17, 17], [255, 255, 255]]),
    8: ([[0, 1, 255]], [[0, 0, 255], [1, 1, 1], [255, 255, 255]]),
    16: ([[0, 257, 65535]], [[0, 0, 255], [1, 1, 1], [255, 255, 255]]),
}


@pytest.mark.parametrize(("depth", "stored", "expected"), [(d, *v) for d, v in CLEAR.items()])
def test_one_transparent_grey_is_found_at_every_depth(depth: int, stored: list[list[int]], expected: list[list[int]]) -> None:
    values = np.array(stored, np.uint16 if depth == 16 else np.uint8)
    image = decode(png(values, 0, depth, chunk(b"tRNS", bytes(2))), Decoding(background="#0000ff"))
    assert image.pixels.tolist() == [expected]


@pytest.mark.parametrize("depth", [2, 4])
def test_a_transparent_grey_of_few_bits_is_not_taken_for_another(depth: int) -> None:
    highest = 2**depth - 1
    content = png(np.array([[0, highest]], np.uint8), 0, depth, chunk(b"tRNS", struct.pack(">H", highest)))
    assert decode(content, Decoding(background="#0000ff")).pixels.tolist() == [[[0, 0, 0], [0, 0, 255]]]


def test_a_transparent_16_bit_colour_is_refused() -> None:
    content = png(np.zeros((1, 1, 3), np.uint16), 2, extra=chunk(b"tRNS", bytes(6)))
    with pytest.raises(ImageRefused, match="unsupported-mode"):
        decode(content)


def test_full_ycbcr_is_converted_as_jpeg_does() -> None:
    image = decode(saved(Image.new("RGB", (2, 2), (200, 30, 60)).convert("YCbCr"), "TIFF"))
    assert image.conversions == ("ycbcr",)
    assert np.abs(image.pixels.astype(int) - [200, 30, 60]).max() <= 2


@pytest.mark.parametrize("code", sorted(REASONS))
def test_every_reason_is_in_the_guide(code: str) -> None:
    assert f"| `{code}` |" in GUIDE


SEEN = [
    "first-frame jpeg-lenient reduced-1/2 reduced-1/4 reduced-1/8 depth-2 depth-4 depth-12 depth-16 depth-16-high-byte",
    "depth-32 depth-signed-8",
    "depth-signed-16 depth-signed-32 maxval-N white-is-zero float-unit float-255 palette one-bit cmyk cmyk-icc cmyk-icc-unusable",
    "lab ycbcr alpha-on-#rrggbb orientation-2 orientation-8",
]


@pytest.mark.parametrize("code", " ".join(SEEN).split())
def test_every_code_of_a_conversion_is_in_the_guide(code: str) -> None:
    assert f"`{code}`" in GUIDE
