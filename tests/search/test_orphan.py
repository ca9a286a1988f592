from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from pipeline.search.orphan import Process, parents_to_watch, this_process
from tests.search import holders


def test_without_dvc_nobody_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DVC_STAGE", raising=False)
    assert parents_to_watch() == []


def test_under_dvc_the_parent_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_STAGE", "search")
    assert parents_to_watch()[0].pid == os.getppid()


def test_a_process_behind_a_shell_watches_both_and_ends_when_the_one_before_the_shell_is_killed(tmp_path: Path) -> None:
    parent, pid = holders.start_under_dvc(tmp_path / "lock")
    holder = psutil.Process(pid)
    shell = holder.parent()
    assert shell is not None and shell.ppid() == parent.pid
    with parent:
        parent.kill()
        assert parent.stdout is not None and parent.stdout.readline() == "parent gone\n"
    holder.wait(timeout=10)


def test_this_process_is_alive() -> None:
    assert this_process().alive()
    assert Process(**this_process().record()) == this_process()


def test_another_process_with_the_same_number_is_told_apart() -> None:
    assert not Process(os.getpid(), this_process().started - 100).alive()


def test_neither_a_zombie_nor_what_has_gone_is_alive() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process = Process(child.pid, psutil.Process(child.pid).create_time())
    assert process.alive()
    child.kill()
    deadline = time.monotonic() + 10
    while process.alive() and time.monotonic() < deadline:  # not waited for: a zombie
        time.sleep(0.01)
    assert not process.alive()
    child.communicate()
    assert not process.alive()
