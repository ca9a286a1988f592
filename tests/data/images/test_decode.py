"""The decoder against real encoded bytes of every kind it meets."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.data.images.decode import DecodedImage, decode, pixel_digest
from pipeline.data.images.decoding import Decoding
from pipeline.errors import ImageRefused
from tests.folders import picture

RGB = picture("rgb", 5, 7)
GREY = picture("grey", 5, 7, 1)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def refusal(content: bytes, **options: Any) -> str:
    with pytest.raises(ImageRefused) as caught:
        decode(content, **options)
    return caught.value.what


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_formats_give_their_pixels(kind: str) -> None:
    content = encoded(Image.fromarray(RGB), kind)
    image = decode(content)
    assert np.array_equal(image.pixels, RGB)
    assert (image.format, image.mode, image.encoded_bytes, image.conversions) == (kind, "RGB", len(content), ())


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF", "JPEG2000", "GIF"])
def test_other_formats_are_decoded(kind: str) -> None:
    size = (16, 16)
    assert decode(encoded(Image.new("RGB", size, (200, 30, 30)), kind)).pixels.shape == (16, 16, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_every_exif_orientation_is_shown_upright(orientation: int, kind: str) -> None:
    stored = {
        1: RGB,
        2: RGB[:, ::-1],
        3: RGB[::-1, ::-1],
        4: RGB[::-1],
        5: RGB.transpose(1, 0, 2),
        6: np.rot90(RGB, 1),
        7: RGB[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(RGB, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = decode(encoded(Image.fromarray(np.ascontiguousarray(stored)), kind, exif=exif))
    assert np.array_equal(image.pixels, RGB)
    assert image.conversions == ((f"orientation-{orientation}",) if orientation > 1 else ())


def test_broken_exif_counts_as_no_orientation() -> None:
    content = encoded(Image.fromarray(RGB), exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert np.array_equal(decode(content).pixels, RGB)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_laid_on_white(mode: str) -> None:
    image = Image.new(mode, (2, 1))  # transparent black
    image.putpixel((1, 0), (10, 10, 10, 255) if mode == "RGBA" else (10, 255))
    assert decode(encoded(image)).pixels[..., 0].tolist() == [[255, 10]]


def test_a_transparent_palette_entry_is_white() -> None:
    image = Image.fromarray(np.array([[0, 1]], np.uint8)).convert("P")
    image.putpalette([0, 0, 0, 200, 10, 10])
    assert decode(encoded(image, transparency=0)).pixels.tolist() == [[[255, 255, 255], [200, 10, 10]]]


@pytest.mark.parametrize(("mode", "kind"), [("1", "PNG"), ("P", "PNG"), ("CMYK", "TIFF"), ("YCbCr", "TIFF"), ("L", "PNG")])
def test_other_modes_become_grey_or_rgb(mode: str, kind: str) -> None:
    image = decode(encoded(Image.fromarray(RGB).convert(mode), kind))
    assert image.mode == mode
    assert image.pixels.shape == (5, 7, 1 if mode in ("1", "L") else 3)
    assert image.pixels.dtype == np.uint8


def test_a_grey_picture_has_one_digest_however_it_is_stored() -> None:
    grey = Image.fromarray(GREY[..., 0])
    images = [decode(encoded(grey.convert(mode))) for mode in ("L", "RGB", "RGBA", "LA")]
    assert {image.pixels.shape for image in images} == {(5, 7, 1)}
    assert len({pixel_digest(image.pixels) for image in images}) == 1


def test_the_digest_knows_the_shape() -> None:
    assert pixel_digest(np.zeros((2, 8, 1), np.uint8)) != pixel_digest(np.zeros((8, 2, 1), np.uint8))


def _animation() -> bytes:
    frames = [Image.fromarray(picture(name)) for name in "ab"]
    return encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])


REFUSED = {
    "zero-bytes": b"",
    "git-lfs-pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
    "not-an-image": b"hello",
    "truncated": encoded(Image.fromarray(picture("large", 64, 64)))[:5000],
    "animation": _animation(),
    "unsupported-format": encoded(Image.new("RGB", (16, 16)), "ICO"),
    "too-large": encoded(Image.new("1", (20_000, 10_000))),
    "broken": b"BM" + b"\0" * 60,
}


@pytest.mark.parametrize(("reason", "content"), REFUSED.items(), ids=REFUSED)
def test_what_cannot_be_used_is_refused_with_its_reason(reason: str, content: bytes) -> None:
    assert refusal(content) == reason


def test_several_pages_are_refused() -> None:
    pages = [Image.fromarray(picture(name)) for name in "ab"]
    assert refusal(encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])) == "animation"


def test_the_pixel_limit_is_checked_before_decoding() -> None:
    assert refusal(encoded(Image.fromarray(RGB)), decoding=Decoding(pixel_limit=34)) == "too-large"
    assert isinstance(decode(encoded(Image.fromarray(RGB)), Decoding(pixel_limit=35)), DecodedImage)
