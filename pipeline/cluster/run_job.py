"""The job's own side: a project made of the working tree that was sent and of the files that its stage reads."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.cluster import node_cache
from pipeline.cluster.depot import REQUEST, RESULT, RETURNING, Depot
from pipeline.cluster.settings import folder
from pipeline.cluster.work import files_of
from pipeline.errors import MissingFile


def run(storage: str, key: str, tree: Path, stage: Callable[[Path, Mapping[str, Any]], None]) -> None:
    """Call `stage` with a project folder and what it was told; keep what it wrote. Raises MissingFile without a request.

    The copy of the tree that Ray unpacks is shared by all jobs that were sent the same files, so nothing is written there. state/
    is that of all jobs of this storage, where it is a folder.
    """
    depot = Depot(storage)
    request = depot.read(key, REQUEST)
    if request is None:
        raise MissingFile("the request", where=storage, why=f"it holds no {key}", remedy="submit the job again")
    with depot.renewed(key, REQUEST), _empty_folder(key) as project:
        shutil.copytree(tree, project, ignore=shutil.ignore_patterns("__pycache__"))
        depot.fetch(request["files"], project)
        if shared := folder(storage):
            (shared / "state").mkdir(parents=True, exist_ok=True)
            (project / "state").symlink_to(shared / "state")
        with contextlib.chdir(project):
            stage(project, request["told"])
        files, _ = depot.send(project, files_of(project, request["writes"]), key, RETURNING)
        depot.write(key, RESULT, {"files": files})


@contextlib.contextmanager
def _empty_folder(key: str) -> Iterator[Path]:
    """Where there is a project while the block runs: on the disk that this machine has for what it can fetch again."""
    place = node_cache.root() / "jobs" / key
    shutil.rmtree(place, ignore_errors=True)  # of a job that was killed
    place.mkdir(parents=True, mode=0o700)
    try:
        yield place.resolve() / "project"
    finally:
        shutil.rmtree(place)
