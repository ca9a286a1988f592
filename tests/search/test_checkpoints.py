from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.cluster.node import look
from pipeline.cluster.storage import Folder, Storage
from pipeline.search.checkpoints import Checkpoints, checkpoint_name, delete, next_attempt

KEY, OTHER = "00112233-0001", "00112233-0001-s0f1"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.checkpoint"))


def test_on_one_machine_a_trial_has_one_file_whatever_became_of_its_workers(tmp_path: Path) -> None:
    for content in (b"one", b"two"):
        checkpoints = Checkpoints(str(tmp_path), KEY, 0)
        checkpoints.write(content)
        assert checkpoints.latest() == content
    assert names(tmp_path) == [f"{KEY}.checkpoint"]


def test_the_next_attempt_goes_on_from_the_latest_and_who_was_cut_off_spoils_nothing(tmp_path: Path) -> None:
    cut_off, heir = (Checkpoints(str(tmp_path), KEY, attempt) for attempt in (3, 5))
    cut_off.write(b"epoch 4")
    assert heir.latest() == b"epoch 4"
    heir.write(b"epoch 7")
    assert names(tmp_path) == [f"{KEY}.5.checkpoint"]
    cut_off.write(b"epoch 5")
    assert Checkpoints(str(tmp_path), KEY, 6).latest() == b"epoch 7"


def test_a_damaged_one_is_passed_over(tmp_path: Path) -> None:
    for attempt, content in ((1, b"old"), (2, b"new")):
        Folder(tmp_path).write(checkpoint_name(KEY, attempt), content)  # not sealed
    assert Checkpoints(str(tmp_path), KEY, 3).latest() is None
    Checkpoints(str(tmp_path), KEY, 1).write(b"whole")
    assert Checkpoints(str(tmp_path), KEY, 3).latest() == b"whole"


def test_attempts_are_counted_on_by_the_next_driver_and_a_trials_files_are_its_own(tmp_path: Path) -> None:
    assert next_attempt(str(tmp_path / "nowhere yet")) == 1
    Checkpoints(str(tmp_path), KEY, 3).write(b"a")
    Checkpoints(str(tmp_path), OTHER, 12).write(b"b")
    Checkpoints(str(tmp_path), KEY, 3).begin_epoch(1)
    assert next_attempt(str(tmp_path)) == 13
    delete(str(tmp_path), [KEY])
    assert names(tmp_path) == [f"{OTHER}.12.checkpoint"]
    assert (tmp_path / f"{KEY}.3.ledger").exists(), "what was done stays known"


@pytest.mark.parametrize(("seen", "storage"), [(b"nonce", ""), (b"old", "it sees no file"), (None, "it sees no file")])
def test_a_node_says_whether_it_sees_the_storage(tmp_path: Path, seen: bytes | None, storage: str) -> None:
    if seen is not None:
        Folder(tmp_path).write("shared", seen)
    found = look(str(tmp_path), "nonce", "shared-a", [str(tmp_path / "images"), __file__])
    assert found.storage.startswith(storage) and bool(found.storage) == bool(storage)
    assert (Folder(tmp_path).read("shared-a") == b"nonce") is not bool(storage)
    assert found.missing == (str(tmp_path / "images"),)


StorageMaker = Callable[[Path], Storage]


@pytest.mark.parametrize("make", [Folder])
def test_a_storage_keeps_whole_files_by_name(tmp_path: Path, make: StorageMaker) -> None:
    storage = make(tmp_path / "new")
    assert (storage.read("a"), storage.names()) == (None, [])
    storage.delete("a")
    storage.write("a", b"1")
    storage.write("a", b"2")
    storage.append("b", "x")
    storage.append("b", "y")
    assert (storage.read("a"), storage.read("b"), storage.names()) == (b"2", b"x\ny\n", ["a", "b"])
    storage.delete("a")
    assert storage.names() == ["b"]
