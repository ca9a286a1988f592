"""The size of a WebP is read before its decoder is made."""

from __future__ import annotations

import pytest
from PIL import Image

from pipeline.data.images.webp import webp_size
from pipeline.errors import ImageRefused
from tests.data.images.encode import saved
from tests.folders import picture

COLOUR = Image.fromarray(picture("webp", 57, 301))
KINDS = {
    "lossy": saved(COLOUR, "WEBP"),
    "lossless": saved(COLOUR, "WEBP", lossless=True),
    "extended": saved(COLOUR, "WEBP", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0"),
    "frames": saved(COLOUR, "WEBP", save_all=True, append_images=[COLOUR.rotate(180)]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_size_of_every_kind_of_webp_is_read(kind: str) -> None:
    assert webp_size(KINDS[kind]) == (301, 57)


def test_other_files_have_no_such_size() -> None:
    assert webp_size(saved(COLOUR, "PNG")) is None
    assert webp_size(KINDS["lossy"].replace(b"VP8 ", b"VP9 ")) is None


@pytest.mark.parametrize("length", [16, 29, 100])
def test_a_cut_file_is_refused(length: int) -> None:
    with pytest.raises(ImageRefused, match="truncated"):
        webp_size(KINDS["lossy"][:length])
