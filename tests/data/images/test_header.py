"""What is refused before a pixel is decoded takes next to no memory and no time."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.data.images.decode import decode
from pipeline.data.images.decoding import Decoding
from pipeline.errors import ImageRefused
from tests.data.images.encode import SIGNATURE, chunk, png, saved
from tests.data.images.fabricate import all_twins
from tests.folders import picture

BOMBS = [
    *("gif-giant", "gif-second-frame-giant", "bmp-giant", "bmp-claims", "bmp-width", "jpeg-giant", "webp-giant"),
    *("tiff-giant-tiles", "png-giant", "ppm-giant", "png-text", "png-profile"),
]
DECODE = """
import resource, sys
from pathlib import Path
from pipeline.data.images.decode import decode
from pipeline.data.images.decoding import Decoding
from pipeline.errors import ImageRefused
decode(Path(sys.argv[1]).read_bytes())  # what libraries load at the first picture
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[2:]:
    try:
        image = decode(Path(path).read_bytes(), Decoding(animation="first"))
        said = "x".join(map(str, image.pixels.shape))
    except ImageRefused as refused:
        said = refused.what
    print(Path(path).name, said, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_bomb_takes_no_memory(tmp_path: Path) -> None:
    """Each claims hundreds of megabytes at least; all of them together may add eight to the process."""
    files = {**all_twins(), **_bombs()}
    for name in ("png-2x2", *BOMBS):
        (tmp_path / name).write_bytes(files[name])
    unit = 1 if sys.platform == "darwin" else 1024  # bytes
    run = [sys.executable, "-c", DECODE, *(str(tmp_path / name) for name in ("png-2x2", *BOMBS))]
    root = Path(__file__).parents[3]
    done = subprocess.run(run, cwd=root, capture_output=True, text=True, check=True)
    found = {name: (said, int(added) * unit) for name, said, added in (line.split() for line in done.stdout.splitlines())}
    expected = {name: "2x2x1" if name == "gif-second-frame-giant" else "too-large" for name in BOMBS}
    assert {name: said for name, (said, _) in found.items()} == expected
    assert max(added for _, added in found.values()) < 8 << 20


def _bombs() -> dict[str, bytes]:
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 6, 0, 0, 0)
    nothing = zlib.compress(bytes(200 << 20), 9)
    one = np.zeros((1, 1), np.uint8)
    return {
        "png-giant": SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", nothing) + chunk(b"IEND"),
        "ppm-giant": b"P6\n30000 30000\n255\n",
        "png-text": png(one, 0, after=chunk(b"zTXt", b"name\0\0" + nothing)),
        "png-profile": png(one, 0, extra=chunk(b"iCCP", b"name\0\0" + nothing)),
    }


def test_the_limit_counts_pixels() -> None:
    content = saved(Image.fromarray(picture("limit", 5, 7)), "PNG")
    assert decode(content, Decoding(pixel_limit=35)).pixels.shape == (5, 7, 3)


def test_the_first_of_several_frames_only_when_asked_for() -> None:
    frames = [Image.fromarray(picture(name)) for name in "ab"]
    for kind in ("GIF", "TIFF", "PNG", "WEBP"):
        options = {"lossless": True} if kind == "WEBP" else {}
        image = decode(saved(frames[0], kind, save_all=True, append_images=frames[1:], **options), Decoding(animation="first"))
        assert image.conversions[0] == "first-frame"
        assert np.abs(image.pixels.astype(int) - np.asarray(frames[0].convert("P").convert("RGB"))).mean() < 60
        if kind in ("TIFF", "PNG", "WEBP"):
            assert np.array_equal(image.pixels, np.asarray(frames[0]))


@pytest.mark.parametrize("content", [b"P5\n0 5\n255\n", b"P5\n5 0\n255\n"])
def test_a_picture_without_pixels_is_refused(content: bytes) -> None:
    with pytest.raises(ImageRefused, match="broken"):
        decode(content)
