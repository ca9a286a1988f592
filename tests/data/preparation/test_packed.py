from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.data.preparation.packed import IMAGES, INDEX, LABELS, Packed, digest, join, read, to_files
from pipeline.errors import DigestMismatch, MissingFile

ROWS = Packed(np.arange(24, dtype=np.uint8).reshape(6, 1, 2, 2), np.array([0, 1, 2] * 2, np.int64), list("abc") * 2)


def write(folder: Path, packed: Packed, copies: int = 0) -> str:
    files = to_files(packed, copies)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return digest(files)


def test_what_was_written_is_read_and_cannot_be_changed(tmp_path: Path) -> None:
    found = read(tmp_path, write(tmp_path, ROWS))
    assert np.array_equal(found.images, ROWS.images)
    assert np.array_equal(found.labels, ROWS.labels)
    assert found.digests == ROWS.digests
    assert (found.images.dtype, found.labels.dtype, len(found)) == (np.uint8, np.int64, 6)
    for array in (found.images, found.labels):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


@pytest.mark.parametrize("name", [IMAGES, LABELS, INDEX])
def test_one_changed_bit_in_any_file_is_noticed(tmp_path: Path, name: str) -> None:
    expected = write(tmp_path, ROWS)
    content = bytearray((tmp_path / name).read_bytes())
    content[-2] ^= 1
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DigestMismatch, match="E701"):
        read(tmp_path, expected)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    expected = write(tmp_path, ROWS)
    (tmp_path / LABELS).unlink()
    with pytest.raises(MissingFile, match=LABELS):
        read(tmp_path, expected)


def test_the_same_rows_give_the_same_bytes() -> None:
    assert to_files(ROWS) == to_files(Packed(ROWS.images.copy(order="F"), ROWS.labels.copy(), list(ROWS.digests)))


def test_the_index_numbers_the_copies() -> None:
    assert to_files(ROWS, copies=1)[INDEX].decode().splitlines() == ["digest,copy", "a,0", "b,0", "c,0", "a,1", "b,1", "c,1"]


def test_join_keeps_the_order() -> None:
    joined = join([ROWS, ROWS])
    assert len(joined) == 12
    assert joined.digests == ROWS.digests * 2
    assert np.array_equal(joined.images[6:], ROWS.images)
