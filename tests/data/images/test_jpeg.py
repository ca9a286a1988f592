"""JPEGs are decoded by libjpeg-turbo: strictly, with the pixels that Pillow gives, and smaller when asked to."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from pipeline.data.images.decode import decode
from pipeline.data.images.decoding import Decoding
from pipeline.data.images.jpeg import MOST_SCANS, reduction
from pipeline.errors import ImageRefused
from tests.data.images.encode import saved
from tests.folders import picture

PHOTO = Image.fromarray(picture("photo", 24, 32)).resize((160, 120), Image.Resampling.BICUBIC)
OPTIONS = [
    *({"subsampling": subsampling, "progressive": progressive} for subsampling in (0, 1, 2) for progressive in (False, True)),
    {"quality": 100},
    {"quality": 5},
    {"optimize": True},
    {"restart_marker_blocks": 3},
    {"keep_rgb": True},
]


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_pixels_are_those_of_pillow(mode: str, options: dict[str, int]) -> None:
    if "keep_rgb" in options and mode != "RGB":
        pytest.skip("only RGB can be kept")
    content = saved(PHOTO.convert(mode), "JPEG", **options)
    pillow = Image.open(io.BytesIO(content)).convert("RGB")
    image = decode(content)
    assert np.array_equal(_three(image.pixels), np.asarray(pillow))
    strange = mode == "CMYK" and options.get("subsampling", 0) > 0  # Pillow then writes black as coarse as colours
    assert ("jpeg-lenient" in image.conversions) == strange


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize(("reduce_to", "factor"), [(15, 8), (16, 4), (30, 4), (31, 2), (60, 2)])
def test_reduced_pixels_are_those_of_pillows_draft(mode: str, reduce_to: int, factor: int) -> None:
    content = saved(PHOTO.convert(mode), "JPEG")
    pillow = Image.open(io.BytesIO(content))
    pillow.draft(mode, (160 // factor, 120 // factor))
    image = decode(content, Decoding(reduce_to=reduce_to))
    assert np.array_equal(_three(image.pixels), np.asarray(pillow.convert("RGB")))
    assert image.conversions == (f"reduced-1/{factor}",)


@pytest.mark.parametrize(
    ("height", "width", "reduce_to", "factor"),
    [(375, 500, None, 1), (375, 500, 64, 4), (500, 375, 64, 4), (375, 500, 188, 2), (375, 500, 189, 1), (15, 15, 1, 1)],
)
def test_no_side_gets_shorter_than_asked_for(height: int, width: int, reduce_to: int | None, factor: int) -> None:
    assert reduction(height, width, reduce_to) == factor


@pytest.mark.parametrize("side", range(16, 60))
def test_a_reduced_picture_has_the_size_that_its_code_says(side: int) -> None:
    content = saved(PHOTO.resize((side, side)), "JPEG")
    for reduce_to in (2, 5, 9):
        image = decode(content, Decoding(reduce_to=reduce_to))
        factor = reduction(side, side, reduce_to)
        assert image.pixels.shape[:2] == (-(-side // factor),) * 2
        assert min(image.pixels.shape[:2]) >= reduce_to


def test_reduced_cmyk_is_still_cmyk() -> None:
    image = decode(saved(PHOTO.convert("CMYK"), "JPEG", subsampling=0), Decoding(reduce_to=30))
    assert image.pixels.shape == (30, 40, 3)
    assert image.conversions == ("reduced-1/4", "cmyk")


def test_what_libjpeg_only_warns_about_is_refused() -> None:
    """Pillow decodes these bytes without a word."""
    content = saved(PHOTO, "JPEG", restart_marker_blocks=4)
    place = content.index(b"\xff\xd1")
    corrupt = content[:place] + b"\x12\x34" * 9 + content[place:]
    Image.open(io.BytesIO(corrupt)).load()
    with pytest.raises(ImageRefused, match="extraneous bytes") as caught:
        decode(corrupt)
    assert caught.value.what == "broken"


def test_hundreds_of_passes_are_refused() -> None:
    content = saved(PHOTO, "JPEG", progressive=True)
    place = content.rindex(b"\xff\xda")
    passes = content[:place] + content[place:-2] * MOST_SCANS + content[-2:]
    with pytest.raises(ImageRefused, match="too-many-scans"):
        decode(passes)


def _three(pixels: np.ndarray) -> np.ndarray:
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels
