"""Whatever the bytes, decode returns uint8 pixels or refuses with one of its reasons; it raises nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.data.images.decode import decode
from pipeline.data.images.decoding import Decoding
from pipeline.data.images.refusal import REASONS
from pipeline.errors import ImageRefused
from tests.data.images.encode import saved
from tests.data.images.fabricate import all_twins
from tests.folders import picture

PHOTO = Image.fromarray(picture("fuzz", 12, 16))
GOOD = {
    **{kind: saved(PHOTO, kind) for kind in ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "JPEG2000", "PPM")},
    **{name: content for name, content in all_twins().items() if content},
}
DECODINGS = [Decoding(), Decoding(animation="first", reduce_to=8, pixel_limit=100_000)]


def _decodes_or_refuses(content: bytes) -> None:
    for decoding in DECODINGS:
        try:
            pixels = decode(content, decoding).pixels
        except ImageRefused as refused:
            assert refused.what in REASONS
            continue
        assert (pixels.dtype, pixels.ndim) == (np.uint8, 3)
        assert pixels.shape[2] in (1, 3)
        assert 0 < pixels.shape[0] * pixels.shape[1] <= decoding.pixel_limit


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A file with some bytes changed, then perhaps cut; near the beginning as often as anywhere."""
    content = bytearray(GOOD[draw(st.sampled_from(sorted(GOOD)))])
    place = st.one_of(st.integers(0, min(99, len(content) - 1)), st.integers(0, len(content) - 1))
    for position, value in draw(st.lists(st.tuples(place, st.integers(0, 255)), max_size=8)):
        content[position] = value
    return bytes(content[: draw(st.one_of(st.just(len(content)), place))])


FEW = settings(max_examples=250, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
MANY = settings(max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck))


@FEW
@given(damaged())
def test_damaged_files(content: bytes) -> None:
    _decodes_or_refuses(content)


@FEW
@given(st.sampled_from(sorted(GOOD)), st.binary(max_size=200))
def test_true_beginnings_before_random_bytes(name: str, content: bytes) -> None:
    _decodes_or_refuses(GOOD[name][:16] + content)


@FEW
@given(st.binary(max_size=300))
def test_random_bytes(content: bytes) -> None:
    _decodes_or_refuses(content)


@pytest.mark.campaign
@MANY
@given(damaged())
def test_many_damaged_files(content: bytes) -> None:
    _decodes_or_refuses(content)
