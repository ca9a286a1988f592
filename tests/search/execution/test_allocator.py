from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from pipeline.search.execution import allocator

STEP_BYTES = 100 * 2**20
STEPS = 50

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="tunables and malloc_trim are of the GNU C library")


def test_a_thread_that_allocates_the_same_again_and_again_is_given_new_pages_once() -> None:
    assert _faults_of_steps(allocator.environment({})) < _faults_of_steps({}) / 10


def test_tunables_that_are_there_stay_as_they_are() -> None:
    theirs = {"GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=4096"}
    assert _faults_of_steps(allocator.environment(theirs)) > 10 * _faults_of_steps(allocator.environment({}))


def test_what_a_trial_has_freed_goes_back_to_the_system() -> None:
    code = (
        "import psutil, ctypes; from pipeline.search.execution import allocator; size = 200 * 2**20;"
        "rss = lambda: psutil.Process().memory_info().rss / size;"
        "c = ctypes.CDLL(None); c.malloc.restype = ctypes.c_void_p; c.free.argtypes = [ctypes.c_void_p];"
        "first = c.malloc(ctypes.c_size_t(size)); ctypes.memset(first, 1, size); top = c.malloc(ctypes.c_size_t(4096));"
        "c.free(first); kept = rss(); allocator.give_back(); print(kept, rss())"
    )
    kept, left = map(float, _run(code, allocator.environment({})).split())
    assert kept > 1 > 0.9 > left


def _faults_of_steps(environment: dict[str, str]) -> int:
    code = (
        "import ctypes, resource, threading\n"
        "c = ctypes.CDLL(None); c.malloc.restype = ctypes.c_void_p; c.free.argtypes = [ctypes.c_void_p]\n"
        "def step(size):\n"
        "    parts = [c.malloc(ctypes.c_size_t(size // 10)) for _ in range(10)]\n"
        "    [ctypes.memset(part, 1, size // 10) for part in parts]; [c.free(part) for part in parts]\n"
        f"steps = threading.Thread(target=lambda: [step({STEP_BYTES}) for _ in range({STEPS})])\n"
        "steps.start(); steps.join(); print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)"
    )
    return int(_run(code, environment))


def _run(code: str, environment: dict[str, str]) -> str:
    command = [sys.executable, "-c", code]
    without = {name: value for name, value in os.environ.items() if name != "GLIBC_TUNABLES"}
    return subprocess.run(command, env={**without, **environment}, check=True, capture_output=True, text=True).stdout
