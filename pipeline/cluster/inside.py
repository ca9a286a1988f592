"""The job's own side: a project made of the working tree that was sent and of the files that its stage reads."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.cluster.depot import FOLDER, Depot
from pipeline.cluster.settings import folder
from pipeline.cluster.work import files_of
from pipeline.errors import MissingFile


def request_key(key: str) -> str:
    """The record of what a job is given."""
    return f"{key}.request"


def result_key(key: str) -> str:
    """The record of what it brought back, once it has."""
    return f"{key}.result"


def run(storage: str, key: str, tree: Path, stage: Callable[[Path, Mapping[str, Any]], None]) -> None:
    """Call `stage` with a project folder and what it was told; keep what it wrote. Raises MissingFile without a request.

    The copy of the tree that Ray unpacks is shared by all jobs that were sent the same files, so nothing is written there. state/
    is that of all jobs of this storage, where it is a folder.
    """
    depot = Depot(storage)
    request = depot.read(request_key(key))
    if request is None:
        raise MissingFile("the request", where=storage, why=f"it holds no {key}", remedy="submit the job again")
    with _empty_folder(storage, key) as project:
        shutil.copytree(tree, project, ignore=shutil.ignore_patterns("__pycache__"))
        depot.fetch(request["reads"], project)
        if shared := folder(storage):
            (shared / "state").mkdir(parents=True, exist_ok=True)
            (project / "state").symlink_to(shared / "state")
        with contextlib.chdir(project):
            stage(project, request["told"])
        files, _ = depot.send(project, files_of(project, request["writes"]))
        depot.write(result_key(key), {"files": files})


@contextlib.contextmanager
def _empty_folder(storage: str, key: str) -> Iterator[Path]:
    """Where there is a project while the block runs: where all nodes see it, if there is such a place, since images that are
    larger than memory are read from it by whoever trains.
    """
    if shared := folder(storage):
        place = shared / FOLDER / "work" / key
        shutil.rmtree(place, ignore_errors=True)  # of a job that was killed
        place.mkdir(parents=True)
        try:
            yield place / "project"
        finally:
            shutil.rmtree(place)
    else:
        with tempfile.TemporaryDirectory(prefix="convoy-job-") as temporary:
            yield Path(temporary).resolve() / "project"
