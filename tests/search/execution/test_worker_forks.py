from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests import repository

WAIT_SECONDS = 20


@pytest.mark.parametrize("ended", ["driver", "raylet"])
def test_workers_are_forks_of_one_process_and_nothing_is_left_when_who_wants_them_is_gone(ended: str, tmp_path: Path) -> None:
    environment = repository.environment()
    command = [sys.executable, "-m", "tests.search.execution.forked_workers"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path, env=environment) as driver:
        assert driver.stdout is not None
        found = json.loads(driver.stdout.readline())
        workers, family = found["workers"], psutil.Process(driver.pid).children(recursive=True)
        try:
            for worker in workers:
                assert worker["parent"] == found["parent"]
                assert worker["group"] == worker["pid"]
                assert worker["torch"] and worker["at home"] and worker["deaf to Ctrl-C"] and worker["first to go"]
            for name in ("pid", "worker", "random"):
                assert len({worker[name] for worker in workers}) == 2
            assert found["replaced"]
            assert {process.pid for process in family} >= {found["parent"], *(worker["raylet"] for worker in workers)}

            os.kill(driver.pid if ended == "driver" else workers[0]["raylet"], signal.SIGKILL)
            left = [process for process in family if ended == "driver" or _is_of_workers(process)]
            deadline = time.monotonic() + WAIT_SECONDS
            while any(_runs(process) for process in left):
                assert time.monotonic() < deadline, left
                time.sleep(0.05)
            assert not Path(found["door"]).parent.exists()
        finally:
            driver.kill()


def _is_of_workers(process: psutil.Process) -> bool:
    try:
        return "forking_process" in (told := " ".join(process.cmdline())) or told.startswith("ray::")
    except psutil.NoSuchProcess:
        return True


def _runs(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
