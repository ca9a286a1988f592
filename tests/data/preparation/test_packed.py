from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.preparation import packed
from pipeline.data.preparation.packed import INDEX, LABELS, MANIFEST, Packed, digest, join, read, to_files
from pipeline.data.preparation.shards import Shards
from pipeline.errors import DigestMismatch, MissingFile

IMAGES = np.arange(28, dtype=np.uint8).reshape(7, 1, 2, 2)
FOLDS = np.array([0, 1, 2, 0, 1, 2, -1], np.int8)
ROWS = Packed(IMAGES, np.array([0, 1, 2, 0, 1, 2, 0], np.int64), list("abcdefg"), FOLDS)
IN_MEMORY, ON_DISK = 1e9, 0.0  # bytes


def part(rows: slice, folds: bool = True) -> Packed:
    return Packed(ROWS.images[rows], ROWS.labels[rows], ROWS.digests[rows], FOLDS[rows] if folds else None)


SHARDS = [part(slice(0, 3)), part(slice(3, 6)), part(slice(6, 7))]


def write(folder: Path, shards: list[Packed], copies: int = 0) -> str:
    files = dict(to_files(shards, copies))
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return digest(files)


@pytest.mark.parametrize("memory", [IN_MEMORY, ON_DISK])
@pytest.mark.parametrize("shards", [SHARDS, [ROWS]], ids=["three files", "one file"])
def test_what_was_written_is_read_and_cannot_be_changed(tmp_path: Path, shards: list[Packed], memory: float) -> None:
    found = read(tmp_path, write(tmp_path, shards), memory)
    assert isinstance(found.images, Shards) == (memory == ON_DISK)
    assert np.array_equal(found.images[:], IMAGES) and np.array_equal(found.images[np.array([6, 0, 3])], IMAGES[[6, 0, 3]])
    assert np.array_equal(found.labels, ROWS.labels)
    assert found.folds is not None and np.array_equal(found.folds, FOLDS)
    assert found.digests == ROWS.digests
    assert (found.images[:].dtype, found.images.shape, found.labels.dtype, len(found)) == (np.uint8, (7, 1, 2, 2), np.int64, 7)
    with pytest.raises((ValueError, TypeError), match=r"read-only|assignment"):
        found.images[0] = 0  # type: ignore[index]
    with pytest.raises(ValueError, match="read-only"):
        found.labels[0] = 0


@pytest.mark.parametrize("memory", [IN_MEMORY, ON_DISK])
def test_more_files_than_their_names_have_digits_for_stay_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory: float
) -> None:
    name = packed.shard_name
    monkeypatch.setattr(packed, "shard_name", lambda number: name(99_998 + number))
    expected = write(tmp_path, [part(slice(row, row + 1)) for row in range(7)])
    assert np.array_equal(read(tmp_path, expected, memory).images[:], IMAGES)


def test_what_fits_into_a_share_of_the_free_memory_is_read_into_memory(tmp_path: Path) -> None:
    assert isinstance(read(tmp_path, write(tmp_path, SHARDS)).images, np.ndarray)


def test_without_folds_there_are_none(tmp_path: Path) -> None:
    assert read(tmp_path, write(tmp_path, [part(slice(0, 7), folds=False)])).folds is None


@pytest.mark.parametrize("memory", [IN_MEMORY, ON_DISK])
@pytest.mark.parametrize("name", ["images-00000.npy", "images-00001.npy", "images-00002.npy", LABELS, INDEX, MANIFEST])
@pytest.mark.parametrize("place", [0, -2])
def test_one_flipped_bit_in_any_file_is_found_and_the_file_is_named(tmp_path: Path, name: str, place: int, memory: float) -> None:
    expected = write(tmp_path, SHARDS)
    content = bytearray((tmp_path / name).read_bytes())
    content[place] ^= 1
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DigestMismatch, match=f"E701 {name} at "):
        read(tmp_path, expected, memory)


@pytest.mark.parametrize("memory", [IN_MEMORY, ON_DISK])
@pytest.mark.parametrize("name", ["images-00001.npy", LABELS, MANIFEST])
def test_a_missing_file_is_named(tmp_path: Path, name: str, memory: float) -> None:
    expected = write(tmp_path, SHARDS)
    (tmp_path / name).unlink()
    with pytest.raises(MissingFile, match=name):
        read(tmp_path, expected, memory)


def test_the_manifest_lists_every_other_file_with_its_rows(tmp_path: Path) -> None:
    write(tmp_path, SHARDS)
    listed = json.loads((tmp_path / MANIFEST).read_text())["files"]
    assert {name: entry["rows"] for name, entry in listed.items()} == {
        "images-00000.npy": 3, "images-00001.npy": 3, "images-00002.npy": 1, LABELS: 7, INDEX: 7,
    }  # fmt: skip
    assert {path.name for path in tmp_path.iterdir()} == {*listed, MANIFEST}


def test_the_same_rows_give_the_same_bytes() -> None:
    other = Packed(IMAGES.copy(order="F"), ROWS.labels.copy(), list(ROWS.digests), FOLDS.copy())
    assert dict(to_files([ROWS])) == dict(to_files([other]))


def test_a_shard_is_asked_for_when_its_file_is_due() -> None:
    asked: list[int] = []
    files = to_files(asked.append(number) or shard for number, shard in enumerate(SHARDS))  # type: ignore[func-returns-value]
    next(files)
    assert asked == [0]
    next(files)
    assert asked == [0, 1]


def test_the_index_numbers_the_copies_and_names_the_folds() -> None:
    twice = [part(slice(0, 2)), part(slice(6, 7)), part(slice(0, 2)), part(slice(6, 7))]
    assert dict(to_files(twice, copies=1))[INDEX].decode().splitlines() == [
        "digest,copy,fold", "a,0,0", "b,0,1", "g,0,", "a,1,0", "b,1,1", "g,1,",
    ]  # fmt: skip


@pytest.mark.parametrize("memory", [(IN_MEMORY, IN_MEMORY), (IN_MEMORY, ON_DISK), (ON_DISK, ON_DISK)])
def test_join_keeps_the_order_in_memory_and_on_disk(tmp_path: Path, memory: tuple[float, float]) -> None:
    expected = write(tmp_path, SHARDS)
    joined = join([read(tmp_path, expected, limit) for limit in memory])
    assert len(joined) == 14 and joined.digests == ROWS.digests * 2
    assert np.array_equal(joined.images[:], np.concatenate([IMAGES, IMAGES]))
    assert joined.folds is not None and np.array_equal(joined.folds, np.concatenate([FOLDS, FOLDS]))


def test_join_without_folds_on_one_side_has_none() -> None:
    assert join([ROWS, part(slice(0, 2), folds=False)]).folds is None


def with_copies() -> list[Packed]:
    """Train of four images with a stored copy of each, and val of two."""
    train = Packed(IMAGES[:4], np.array([0, 1, 2, 0]), list("abab"), np.array([0, 1, 0, 1], np.int8))
    return [train, Packed(IMAGES[4:6], np.array([1, 2]), list("cd"), np.array([1, 0], np.int8))]


def test_a_fold_is_held_out_of_train_and_val_together_and_its_stored_copies_are_in_neither() -> None:
    rest, fold = packed.hold_out(with_copies(), 0)
    assert (rest.digests, fold.digests) == (["b", "b", "c"], ["a", "d"])
    assert (rest.labels.tolist(), fold.labels.tolist()) == ([1, 0, 1], [0, 2])
    assert np.array_equal(rest.images[:], IMAGES[[1, 3, 4]]) and np.array_equal(fold.images[:], IMAGES[[0, 5]])


@pytest.mark.parametrize("memory", [IN_MEMORY, ON_DISK])
def test_every_image_is_held_out_once(tmp_path: Path, memory: float) -> None:
    found = read(tmp_path, write(tmp_path, [part(slice(0, 6))]), memory)
    held_out = [packed.hold_out([found], fold) for fold in range(3)]
    assert sorted(name for _, fold in held_out for name in fold.digests) == list("abcdef")
    for rest, fold in held_out:
        assert not set(rest.digests) & set(fold.digests) and len(rest) + len(fold) == 6
        assert np.array_equal(fold.images[:], IMAGES[[ROWS.digests.index(name) for name in fold.digests]])


def test_the_number_of_folds_is_read_without_the_images(tmp_path: Path) -> None:
    for folds, count in ((True, 3), (False, 0)):
        expected = write(tmp_path, [part(slice(0, 6), folds)])
        (tmp_path / "images-00000.npy").unlink()
        assert packed.read_folds(tmp_path, expected) == count
