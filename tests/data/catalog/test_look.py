from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.data.catalog.look import Look, look
from pipeline.data.duplicates.fingerprint import fingerprint
from pipeline.data.images.decode import pixel_digest
from pipeline.data.sources.folder import Folder
from tests.data.images.encode import saved
from tests.folders import picture, save, write_folder


def test_a_look_says_what_the_image_is(tmp_path: Path) -> None:
    write_folder(tmp_path, {"cat": 1})
    save(tmp_path / "cat/grey.png", picture("grey", 9, 4, 1))
    source = Folder(tmp_path)
    stamp, found = look(source, "cat/grey.png")
    expected = fingerprint(picture("grey", 9, 4, 1))
    assert stamp == source.stamp("cat/grey.png") is not None
    assert found == Look(
        digest=pixel_digest(picture("grey", 9, 4, 1)),
        phash=f"{expected.hash:016x}",
        encoded_bytes=(tmp_path / "cat/grey.png").stat().st_size,
        width=4,
        height=9,
        channels=1,
        mode="L",
        conversions="",
        thumbnail=expected.thumbnail.tobytes(),
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "zero-bytes: the file is empty"),
        (saved(Image.fromarray(np.array([[-1.0, 300.0]], np.float32)), "TIFF"), "float-range: values from -1 to 300"),
    ],
)
def test_an_image_that_cannot_be_read_has_a_reason_that_says_why(tmp_path: Path, content: bytes, reason: str) -> None:
    write_folder(tmp_path, {"cat": 1})
    (tmp_path / "cat/bad.png").write_bytes(content)
    stamp, found = look(Folder(tmp_path), "cat/bad.png")
    assert stamp is not None
    assert found == reason


@pytest.mark.parametrize(
    ("name", "format", "note"),
    [
        ("a.png", "PNG", False),
        ("a.JPG", "JPEG", False),
        ("a.jpe", "JPEG", False),
        ("a.tif", "TIFF", False),
        ("a.dib", "BMP", False),
        ("a.jpg", "PNG", True),
        ("a.jpg", "WEBP", True),
        ("a.png", "BMP", True),
        ("a", "PNG", False),
        ("a.dat", "PNG", False),
        ("photo.2024", "JPEG", False),
    ],
)
def test_a_file_called_like_another_format_is_read_and_noted(tmp_path: Path, name: str, format: str, note: bool) -> None:
    (tmp_path / "cat").mkdir()
    Image.fromarray(np.ascontiguousarray(picture("x", 16, 16))).save(tmp_path / "cat" / name, format=format)
    _, found = look(Folder(tmp_path), f"cat/{name}")
    assert isinstance(found, Look)
    assert ("extension-mismatch" in found.conversions.split(",")) == note
