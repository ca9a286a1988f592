from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.catalog import seen
from pipeline.data.catalog.look import Look
from pipeline.data.catalog.seen import Looks, from_bytes, to_bytes, version
from pipeline.data.duplicates.fingerprint import THUMBNAIL
from pipeline.data.images.decoding import Decoding


def looked(number: int) -> Look:
    thumbnail = np.full((THUMBNAIL, THUMBNAIL, 3), number, np.uint8).tobytes()
    return Look(f"digest{number}", f"{number:016x}", 100 + number, 8, 6, 3, "RGB", "orientation", thumbnail)


def found(stamps: dict[str, str | None]) -> Looks:
    """Of path → stamp; every third image is a reject."""
    looks = Looks(list(stamps))
    for row, stamp in enumerate(stamps.values()):
        looks.put(row, stamp, "truncated" if row % 3 == 2 else looked(row))
    return looks


def same(one: Looks, other: Looks) -> bool:
    return (one.paths, one.stamps, one.found) == (other.paths, other.stamps, other.found) and bool(
        (one.thumbnails == other.thumbnails).all()
    )


@pytest.mark.parametrize("count", [0, 1, 2, 3, 50])
def test_written_and_read_again_it_is_the_same(count: int) -> None:
    looks = found({f"cat/{row}.png": f"stamp{row}" for row in range(count)})
    again = from_bytes(to_bytes(looks, "v1"), "v1")
    assert again is not None
    assert same(again, looks)


def test_it_is_forgotten_when_the_version_is_another() -> None:
    assert from_bytes(to_bytes(found({"a": "1"}), "v1"), "v2") is None


def test_what_was_not_looked_at_or_has_no_stamp_is_not_kept() -> None:
    looks = Looks(["a", "b", "c"])
    looks.put(0, None, looked(0))
    looks.put(1, "stamp", looked(1))
    again = from_bytes(to_bytes(looks, "v1"), "v1")
    assert again is not None
    assert (again.paths, again.stamps) == (["b"], ["stamp"])
    assert again.thumbnails[0, 0, 0, 0] == 1


def test_only_paths_with_the_same_stamp_are_recalled() -> None:
    earlier = found({"a": "1", "b": "1", "c": "1", "gone": "1"})
    now: dict[str, str | None] = {"new": "1", "c": "1", "b": "2", "a": "1", "unknown": None}
    looks = Looks(list(now))
    assert looks.recall(earlier, now.get) == [0, 2, 4]
    assert looks.found == [None, "truncated", None, tuple(looked(0)[:-1]), None]
    assert looks.stamps == [None, "1", None, "1", None]
    assert looks.thumbnails[3].max() == 0


def test_without_an_earlier_run_nothing_is_asked() -> None:
    def never(_path: str) -> str:
        raise AssertionError("a stamp was asked for")

    assert Looks(["a", "b"]).recall(None, never) == [0, 1]


@pytest.mark.parametrize(
    "change",
    [lambda: Decoding(reduce_to=64), lambda: Decoding(background="#000000"), lambda: Decoding(animation="first")],
    ids=["reduce_to", "background", "animation"],
)
def test_the_version_changes_with_the_choices_in_decoding(change: Callable[[], Decoding]) -> None:
    assert version(Decoding()) == version(Decoding())
    assert version(change()) != version(Decoding())


def test_the_version_changes_with_the_code_and_the_libraries(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = version(Decoding())
    monkeypatch.setattr(seen.importlib.metadata, "version", lambda name: "0.1")
    assert version(Decoding()) != before
    monkeypatch.undo()
    for part in ("images", "sources", "duplicates", "catalog"):
        (tmp_path / part).mkdir()
    for file in ("images/decode.py", "duplicates/fingerprint.py", "catalog/look.py", "catalog/seen.py"):
        (tmp_path / file).write_text("1")
    monkeypatch.setattr(seen, "_DATA", tmp_path)
    digests = [version(Decoding())]
    for file in ("images/decode.py", "images/new.py", "sources/new.py", "duplicates/fingerprint.py"):
        (tmp_path / file).write_text("2")
        digests.append(version(Decoding()))
    assert len(set(digests)) == 5


def test_each_source_and_place_has_a_file_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = {seen.file_name("folder", "a"), seen.file_name("folder", "b"), seen.file_name("archive", "a")}
    assert len(names) == 3
    assert seen.file_name("folder", str(tmp_path / "a")) in names
