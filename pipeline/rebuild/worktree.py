"""A commit checked out beside the project, with the data that its dvc.lock names."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipeline import artifacts
from pipeline.errors import NotRebuildable


@contextmanager
def worktree(root: Path, commit: str) -> Iterator[Path]:
    """The project of this commit in a temporary folder, which goes when the block ends; raises NotRebuildable."""
    if not _done(_git(root, "cat-file", "-e", f"{commit}^{{commit}}")):
        remedy = "run `git fetch` from where the model was made, or clone it"
        raise NotRebuildable("rebuild", where=str(root), why=f"commit {commit[:12]} is not in this repository", remedy=remedy)
    prefix = _git(root, "rev-parse", "--show-prefix").stdout.strip()
    with tempfile.TemporaryDirectory(prefix="convoy-rebuild-") as temporary:
        tree = Path(temporary) / "tree"
        added = _git(root, "worktree", "add", "--quiet", "--detach", str(tree), commit)
        if not _done(added):
            why = added.stderr.strip() or "git worktree add failed"
            raise NotRebuildable("rebuild", where=str(root), why=why, remedy="see `git worktree list`")
        try:
            yield tree / prefix
        finally:
            _git(root, "worktree", "remove", "--force", str(tree))


def put(source: Path, project: Path) -> None:
    """The recorded files of the model's making, over those of the commit."""
    for file in sorted(path for path in source.rglob("*") if path.is_file() and path.name != artifacts.MANIFEST):
        artifacts.write_bytes(project / file.relative_to(source), file.read_bytes())


def lend(root: Path, project: Path, images: Path, state: Path) -> None:
    """Raw images and fetched files of `root`, read in `project` where its own would lie; nothing is written to them."""
    pairs = [(root / images, project / images)] if not images.is_absolute() else []
    for there, here in [*pairs, (state / "downloads", project / "state/downloads")]:
        if not there.exists():
            continue
        if here.is_dir() and not here.is_symlink():
            shutil.rmtree(here)
        here.parent.mkdir(parents=True, exist_ok=True)
        here.symlink_to(there.resolve())


def checkout(root: Path, project: Path, outputs: Sequence[str]) -> bool:
    """Whether DVC has these outputs, as dvc.lock names them, in its cache or could fetch them from its remote."""
    cache = _dvc(root, "cache", "dir")
    if not _done(cache) or not (project / "dvc.lock").is_file():
        return False
    if not _done(_dvc(project, "cache", "dir", "--local", cache.stdout.strip())):
        return False
    if _done(_dvc(project, "checkout", "--force", *outputs)):
        return True
    remotes = _dvc(project, "remote", "list")
    return bool(remotes.stdout.strip()) and _done(_dvc(project, "pull", *outputs))


def run_stage(project: Path, stage: str) -> None:
    """By the code of the worktree, which prints where we do; raises NotRebuildable when it fails, whose message stands above."""
    environment = {**os.environ, "PYTHONPATH": str(project)}
    command = [sys.executable, "-m", "pipeline", stage]
    done = subprocess.run(command, cwd=project, env=environment, stdout=sys.stdout, check=False)
    if done.returncode:
        why = f"the stage ended with exit code {done.returncode}, as told above"
        raise NotRebuildable(stage, why=why, remedy="make what it misses available and rebuild again")


def _git(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)


def _dvc(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dvc", *arguments]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


def _done(process: subprocess.CompletedProcess[str]) -> bool:
    return process.returncode == 0
