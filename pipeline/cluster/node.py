"""What a node of a cluster says of itself: run there, in a task of Ray's, before the search gives it trials."""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pipeline
from pipeline.cluster.node_cache import NodeCache, StoredShard
from pipeline.cluster.place import opened
from pipeline.cluster.storage import SHARED, StorageLost


@dataclass(frozen=True)
class Seen:
    """Of one node: its name, the digest of its Convoy, the bytes of each GPU, whether it reads and writes the storage, and which
    files it does not see; if it is to fetch them, how many bytes those are and for how many it has room.
    """

    host: str
    code: str
    gpu_bytes: tuple[int, ...]
    storage: str  # empty, or why not
    missing: tuple[str, ...]
    to_fetch: int = 0
    room: int = 0


def look(place: str, nonce: str, name: str, files: Sequence[StoredShard]) -> Seen:
    """Compare the file SHARED of the storage with `nonce`, and answer in a file of this `name`."""
    try:
        storage = opened(place)
        if storage.read(SHARED) != nonce.encode():
            trouble = "it sees no file that this process wrote there"
        else:
            storage.write(name, nonce.encode())
            trouble = ""
    except (OSError, StorageLost) as error:
        trouble = f"{type(error).__name__}: {error}"
    missing = tuple(str(file.path) for file in files if not file.seen)
    cache = files[0].cache if missing else None
    to_fetch, room = cache.room() if cache else (0, 0)
    return Seen(platform.node(), code_digest(), _gpu_bytes(), trouble, missing, to_fetch, room)


def fetched(cache: NodeCache) -> int:
    """Bytes that the node has fetched of the images of a search."""
    return cache.fetched()


@cache
def code_digest() -> str:
    """Of every file of the package, as it is imported here; read once, as what is imported is."""
    folder = Path(pipeline.__file__).parent
    found = hashlib.sha256()
    for file in sorted(folder.rglob("*.py")):
        found.update(f"{file.relative_to(folder)}\n".encode() + hashlib.sha256(file.read_bytes()).digest())
    return found.hexdigest()


def _gpu_bytes() -> tuple[int, ...]:
    """Of NVIDIA's; a task without a GPU cannot ask torch."""
    if (program := shutil.which("nvidia-smi")) is None:
        return ()
    query = [program, "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    done = subprocess.run(query, capture_output=True, text=True, check=False, timeout=30)  # a broken driver has none
    return tuple(int(line) * 2**20 for line in done.stdout.split()) if done.returncode == 0 else ()


def glance() -> Seen:
    """What it says where nothing is to be trained yet, so that nothing need be within its reach."""
    return Seen(platform.node(), code_digest(), _gpu_bytes(), "", ())
