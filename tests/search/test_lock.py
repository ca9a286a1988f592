from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import MESSAGE_LIMIT, StudyBusy
from pipeline.search import lock as locking
from pipeline.search.lock import study_lock
from tests.search import holders


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "study" / "lock"


@pytest.fixture
def holder(lock: Path) -> Iterator[int]:
    """The process number of another process that holds the lock."""
    process, pid = holders.start(lock)
    with process:
        yield pid
        process.kill()


def test_a_second_search_is_refused_at_once_and_told_who_holds_the_study(lock: Path, holder: int) -> None:
    time.sleep(1.1)
    begun = time.monotonic()
    with pytest.raises(StudyBusy) as refusal, study_lock(lock, []):
        pass
    assert time.monotonic() - begun < 1
    assert f"process {holder}@{socket.gethostname()} (python" in str(refusal.value)
    assert "lock_holder.py" in str(refusal.value)
    age = int(refusal.value.why.rpartition(" for ")[2].removesuffix(" s"))
    assert 1 <= age < 60
    assert len(str(refusal.value)) <= MESSAGE_LIMIT and refusal.value.exit_code == 6


def test_who_holds_it_is_told_without_taking_it(lock: Path) -> None:
    assert locking.holder(lock) is None
    process, pid = holders.start(lock)
    try:
        found = locking.holder(lock)
        assert found is not None and (found.pid, found.host) == (pid, socket.gethostname())
    finally:
        process.kill()
        process.communicate()
    assert locking.holder(lock) is None, "what the file says of the dead is not believed"


def test_the_lock_is_free_after_its_holder_was_killed(lock: Path) -> None:
    process, _ = holders.start(lock)
    with process:
        process.kill()
    with study_lock(lock, []):
        assert json.loads(lock.read_text())["process"]["pid"] == os.getpid()


def test_the_lock_can_be_taken_again_after_its_block(lock: Path) -> None:
    for _ in range(2):
        with study_lock(lock, []):
            pass


def test_a_second_search_waits_for_an_owner_whose_parent_is_gone(lock: Path) -> None:
    parent, pid = holders.start_under_dvc(lock)
    assert parent.stdout is not None
    with parent:
        parent.kill()
        parent.wait()
        with study_lock(lock, []):  # the holder sees it within a second and ends
            assert json.loads(lock.read_text())["process"]["pid"] == os.getpid() != pid
        assert parent.stdout.read() == "parent gone\n"


def test_an_owner_under_dvc_whose_parent_lives_is_not_waited_for(lock: Path) -> None:
    parent, pid = holders.start_under_dvc(lock)
    with parent:
        with pytest.raises(StudyBusy, match=f"process {pid}@"), study_lock(lock, []):
            pass
        parent.kill()


def test_a_holder_that_has_not_written_its_name_yet_is_waited_for_but_not_for_ever(
    lock: Path, holder: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.search.lock.ORPHAN_PATIENCE_SECONDS", 0.5)
    lock.write_text("")
    with pytest.raises(StudyBusy, match="another process holds it"), study_lock(lock, []):
        pass
