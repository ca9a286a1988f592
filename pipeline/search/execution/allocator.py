"""How the C library of a worker handles memory.

A training step allocates the same hundreds of megabytes again and again. By default glibc hands much of that back to the system
after each step, the more so in the threads that Ray trains in, and is given it again page by page, each of 4 KiB and filled with
zeros first: a tenth of a worker's time. Here it keeps what it has, in pages of 2 MiB, and gives it back between two trials.
Manual of the GNU C library, section "Memory Allocation Tunables". Other C libraries ignore all this.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping

_VARIABLE = "GLIBC_TUNABLES"  # read once, when a program starts
_KEEP = 2**32  # bytes
_TUNABLES = {
    "arena_max": 1,  # all threads from one heap: those of others than the first thread are small
    "mmap_threshold": _KEEP,  # at and above which memory comes from the system and goes back to it each time
    "trim_threshold": _KEEP,  # free at the end of the heap, above which it goes back
    "hugetlb": 1,  # pages of 2 MiB where the system has them
}


def environment(present: Mapping[str, str]) -> dict[str, str]:
    """What to add to the environment of a process that becomes a worker; tunables that are `present` stay as they are."""
    ours = [f"glibc.malloc.{name}={value}" for name, value in _TUNABLES.items()]
    return {_VARIABLE: ":".join([*ours, *filter(None, [present.get(_VARIABLE)])])}


def give_back() -> None:
    """Free memory of this process to the system, so that what it seems to need is what its next trial needs."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
