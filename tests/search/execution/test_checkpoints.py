from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.cluster.node import look
from pipeline.cluster.node_cache import stored
from pipeline.cluster.storage import Folder, StorageLost
from pipeline.data.preparation.shards import Shard
from pipeline.errors import NotShared, OtherVersion
from pipeline.search.execution.checkpoints import Checkpoints, checkpoint_name, delete, delete_all, next_attempt
from pipeline.search.execution.messages import Assignment
from pipeline.search.execution.trial import run_trial

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


def test_those_of_a_study_that_was_deleted_all_go(tmp_path: Path) -> None:
    for key, attempt in ((KEY, 0), (OTHER, 12)):
        Checkpoints(str(tmp_path), key, attempt).write(b"a")
        Checkpoints(str(tmp_path), key, attempt).begin_epoch(1)
    delete_all(str(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{OTHER}.12.ledger", "ledger.jsonl"]


@pytest.mark.parametrize(("seen", "storage"), [(b"nonce", ""), (b"old", "it sees no file"), (None, "it sees no file")])
def test_a_node_says_whether_it_sees_the_storage(tmp_path: Path, seen: bytes | None, storage: str) -> None:
    if seen is not None:
        Folder(tmp_path).write("shared", seen)
    (tmp_path / "there.npy").touch()
    there, gone = (Shard(tmp_path / name, (0,), name) for name in ("there.npy", "gone.npy"))
    (here,) = stored([there], None).values()
    (elsewhere,) = stored([gone], None).values()
    found = look(str(tmp_path), "nonce", "shared-a", [here, elsewhere])
    assert found.storage.startswith(storage) and bool(found.storage) == bool(storage)
    assert (Folder(tmp_path).read("shared-a") == b"nonce") is not bool(storage)
    assert found.missing == (str(gone.path),)


def test_a_storage_that_hangs_is_given_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "shared")  # reading it waits for a writer
    with pytest.raises(StorageLost, match=r"no answer within 0\.2 s about shared"):
        Checkpoints(str(tmp_path), KEY, 2, seconds=0.2).reachable()


def test_what_goes_wrong_within_its_time_is_said(tmp_path: Path) -> None:
    (tmp_path / checkpoint_name(KEY, 1)).mkdir()
    with pytest.raises(IsADirectoryError):
        Checkpoints(str(tmp_path), KEY, 1).write(b"")


def test_on_a_cluster_a_node_that_sees_no_storage_says_so_before_it_trains(tmp_path: Path) -> None:
    assert Checkpoints(str(tmp_path), KEY, 0).reachable()
    assert not Checkpoints(str(tmp_path), KEY, 1).reachable()
    (message,) = run_trial(Assignment(KEY, "cnn", {}, 0, str(tmp_path), 1, "cpu", attempt=1), None)  # type: ignore[arg-type]
    assert message.hindrance == "not shared" and message.reason.endswith(f"does not see {tmp_path}")
    assert isinstance(message.problem(), NotShared)
    Folder(tmp_path).write("shared", b"")
    assert Checkpoints(str(tmp_path), KEY, 1).reachable()


def test_on_a_cluster_a_node_with_other_code_says_so_before_it_trains(tmp_path: Path) -> None:
    assignment = Assignment(KEY, "cnn", {}, 0, str(tmp_path), 1, "cpu", attempt=1, code="that of the driver")
    (message,) = run_trial(assignment, None)  # type: ignore[arg-type]
    assert message.hindrance == "other code" and message.reason.endswith(" import other code")
    problem = message.problem()
    assert isinstance(problem, OtherVersion) and problem.exit_code == 10
