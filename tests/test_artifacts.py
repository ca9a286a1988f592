from __future__ import annotations

import errno
import json
import multiprocessing
import os
import stat
import threading
from pathlib import Path

import pytest

from pipeline import artifacts
from pipeline.errors import DigestMismatch, DiskBroken, DiskError, DiskFull, MissingFile


def test_what_is_written_is_read_and_the_folder_is_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "file"
    artifacts.write_bytes(path, b"\x00\xff")
    artifacts.write_bytes(path, b"again")
    assert artifacts.read_bytes(path) == b"again"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [file.name for file in path.parent.iterdir()] == ["file"]


def test_a_reader_sees_the_old_or_the_new_file_and_nothing_between(tmp_path: Path) -> None:
    path, contents = tmp_path / "file", {bytes([letter]) * 1_000_000 for letter in b"ab"}
    artifacts.write_bytes(path, min(contents))
    done = threading.Event()

    def write() -> None:
        for _ in range(10):
            for content in contents:
                artifacts.write_bytes(path, content)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        assert path.read_bytes() in contents
    writer.join()


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, DiskFull),
        (errno.EDQUOT, DiskFull),
        (errno.EIO, DiskBroken),
        (errno.EROFS, DiskBroken),
        (errno.ESTALE, DiskBroken),
    ],
)
def test_a_disk_that_cannot_be_written_is_named_and_keeps_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[DiskError]
) -> None:
    path = tmp_path / "file"
    artifacts.write_bytes(path, b"old")

    def fails(handle: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(kind, match=str(path)) as refusal:
        artifacts.write_bytes(path, b"new")
    assert refusal.value.exit_code == 8
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"old"]


def test_an_error_of_another_kind_is_not_taken_for_one_of_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(handle: int) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "fsync", refused)
    with pytest.raises(OSError, match="not permitted"):
        artifacts.write_bytes(tmp_path / "file", b"new")
    assert list(tmp_path.iterdir()) == []


def test_a_line_that_finds_no_space_names_the_disk() -> None:
    with pytest.raises(DiskFull, match="/dev/full"):
        artifacts.append_line(Path("/dev/full"), "line")


@pytest.mark.parametrize("read", [artifacts.read_bytes, artifacts.read_json, artifacts.read_sealed, artifacts.file_digest])
def test_a_missing_file_is_named_with_what_writes_it(tmp_path: Path, read: object) -> None:
    with pytest.raises(MissingFile, match=r"absent — there is no such file — run `dvc repro`"):
        read(tmp_path / "absent")  # type: ignore[operator]


def test_json_is_sorted_readable_and_ends_with_a_newline(tmp_path: Path) -> None:
    artifacts.write_json(tmp_path / "it.json", {"b": "ü", "a": [1, None]})
    assert (tmp_path / "it.json").read_text() == '{\n  "a": [\n    1,\n    null\n  ],\n  "b": "ü"\n}\n'
    assert artifacts.read_json(tmp_path / "it.json") == {"b": "ü", "a": [1, None]}


def test_json_knows_no_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        artifacts.write_json(tmp_path / "it.json", float("nan"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"x", b"tensors" * 1000])
def test_a_sealed_file_is_read_as_it_was_written(tmp_path: Path, content: bytes) -> None:
    artifacts.write_sealed(tmp_path / "sealed", content)
    assert artifacts.read_sealed(tmp_path / "sealed") == content


@pytest.mark.parametrize("bit", [0, 255, 256, 1000, 8 * (32 + 200) - 1])
def test_one_flipped_bit_of_a_sealed_file_is_found(tmp_path: Path, bit: int) -> None:
    path = tmp_path / "sealed"
    artifacts.write_sealed(path, b"t" * 200)
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
    with pytest.raises(DigestMismatch, match="sha256 differs"):
        artifacts.read_sealed(path)


@pytest.mark.parametrize("length", [0, 10, 32, 231])
def test_a_truncated_sealed_file_is_found(tmp_path: Path, length: int) -> None:
    path = tmp_path / "sealed"
    artifacts.write_sealed(path, b"t" * 200)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(DigestMismatch):
        artifacts.read_sealed(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files and their manifest."""
    (tmp_path / "sub").mkdir()
    for name, content in (("a", b"1"), ("sub/b", b"2"), ("sub/manifest.json", b"3")):
        (tmp_path / name).write_bytes(content)
    artifacts.write_manifest(tmp_path)
    return tmp_path


def test_the_manifest_lists_every_other_file_with_its_sha256(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest == artifacts.verify_manifest(folder)
    assert manifest == {name: artifacts.sha256((folder / name).read_bytes()) for name in ("a", "sub/b", "sub/manifest.json")}
    artifacts.write_manifest(folder)
    assert artifacts.verify_manifest(folder) == manifest


def test_a_changed_file_does_not_match_the_manifest(folder: Path) -> None:
    (folder / "sub/b").write_bytes(b"x")
    with pytest.raises(DigestMismatch, match="sub/b"):
        artifacts.verify_manifest(folder)


@pytest.mark.parametrize("name", ["a", "manifest.json"])
def test_a_missing_file_does_not_match_the_manifest(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(MissingFile, match=name):
        artifacts.verify_manifest(folder)


def append(path: Path, letter: str) -> None:
    for _ in range(200):
        artifacts.append_line(path, letter * 200)


def test_lines_of_several_processes_never_mix(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "lines"
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=append, args=(path, letter)) for letter in "ab"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(path.read_text().splitlines()) == ["a" * 200] * 200 + ["b" * 200] * 200
