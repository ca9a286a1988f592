"""Odd, corrupt and hostile files of public test suites: each has one expected outcome, and a twin made here shows the same."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from pipeline.data.images.decode import decode
from pipeline.errors import ImageRefused
from tests.data.images.fabricate import all_twins

TWINS = all_twins()
ROWS = list(csv.DictReader((Path(__file__).parent / "nasty.csv").read_text().splitlines()))


def outcome(content: bytes) -> tuple[str, str]:
    """(format+mode+conversions, height×width×channels), or (reason code, nothing); any other exception is a failure."""
    try:
        image = decode(content)
    except ImageRefused as refused:
        return refused.what, ""
    return "+".join([image.format, image.mode, *image.conversions]), "x".join(map(str, image.pixels.shape))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["file"])
def test_each_twin_has_the_outcome_that_is_expected_of_its_original(row: dict[str, str]) -> None:
    assert outcome(TWINS[row["twin"]])[0] == row["outcome"]


MORE = {  # oddities that none of those files has
    "jpeg-mpo": "JPEG+RGB",
    "png-too-few-rows": "truncated",
    "png-colour-beyond-palette": "broken",
    "tiff-strip-short": "truncated",
    "tiff-strip-missing": "truncated",
    "tiff-giant-tiles": "too-large",
    "bmp-claims": "too-large",
    "bmp-runs-cut": "truncated",
    "webp-cut": "truncated",
    "webp-giant": "too-large",
    "git-lfs-pointer": "git-lfs-pointer",
    "text": "not-an-image",
    "gif": "GIF+P+palette",
    "bmp": "BMP+L",
    "bmp-runs": "BMP+L",
}


@pytest.mark.parametrize(("twin", "expected"), MORE.items(), ids=MORE)
def test_what_those_files_do_not_show_has_its_outcome_too(twin: str, expected: str) -> None:
    assert outcome(TWINS[twin])[0] == expected


@pytest.mark.campaign
def test_the_originals_have_their_outcomes() -> None:
    """`CONVOY_NASTY` names the folder of the originals."""
    folder = os.environ.get("CONVOY_NASTY")
    if not folder:
        pytest.skip("CONVOY_NASTY names no folder")
    found = {row["file"]: outcome((Path(folder) / row["file"]).read_bytes()) for row in ROWS}
    assert found == {row["file"]: (row["outcome"], row["size"]) for row in ROWS}
