"""Usual JPEGs are read without Pillow, and come out as they do with it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.data.images import decode as decoder
from pipeline.data.images.decoding import Decoding
from pipeline.data.images.jpeg_header import PlainJpeg, plain_jpeg
from tests.data.images.encode import saved
from tests.data.images.fabricate import all_twins, oriented
from tests.folders import picture

PHOTO = Image.fromarray(picture("photo", 24, 32))
TWINS = all_twins()
USUAL = {
    "RGB": saved(PHOTO, "JPEG"),
    "L": saved(PHOTO.convert("L"), "JPEG"),
    "comment": saved(PHOTO, "JPEG", comment=b"hello", restart_marker_blocks=2),
    "profile": saved(PHOTO, "JPEG", icc_profile=bytes(70_000)),
    "many": TWINS["jpeg-mpo"],
    **{f"orientation-{value}": oriented(value, PHOTO) for value in range(10)},
}


@pytest.mark.parametrize("name", USUAL)
def test_a_usual_header_is_read_here(name: str) -> None:
    header = plain_jpeg(USUAL[name])
    image = decoder._decode(USUAL[name], Decoding())
    turned = [int(code[-1]) for code in image.conversions]
    stored = (64, 48) if name == "many" else (32, 24)
    assert header == PlainJpeg(stored[1], stored[0], image.mode, *(turned or [1]))


@pytest.mark.parametrize("options", [{"progressive": True}, {"xmp": b"<x:xmpmeta/>"}, {"exif": b"Exif\0\0II*\0\xff\xff\xff\xff"}])
def test_what_is_unusual_is_left_to_pillow(options: dict[str, object]) -> None:
    content = saved(PHOTO, "JPEG", **options)
    assert plain_jpeg(content) is None
    assert decoder.decode(content).pixels.shape == (24, 32, 3)


@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(USUAL)), st.lists(st.tuples(st.integers(2, 400), st.integers(0, 255)), max_size=3))
def test_both_ways_give_the_same_pixels(name: str, changes: list[tuple[int, int]]) -> None:
    content = bytearray(USUAL[name])
    for place, value in changes:
        content[place] = value
    fast, slow = _result(bytes(content), decoder.decode), _result(bytes(content), decoder._decode)
    if fast is not None and slow is not None:
        assert np.array_equal(fast.pixels, slow.pixels)
        assert (fast.mode, fast.conversions, fast.format) == (slow.mode, slow.conversions, slow.format)


def _result(content: bytes, way: object) -> decoder.DecodedImage | None:
    try:
        return way(content, Decoding())  # type: ignore[operator]
    except Exception:  # of Pillow, bare
        return None
