"""What DVC keeps goes through a folder, a real sshd and a real S3 server, and comes back in a fresh clone."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.clones import clone, commit
from tests.cluster.servers import HOST, S3, Sshd

pytestmark = pytest.mark.cluster
STAGES = ("ingest", "split", "preprocess")
OUTPUTS = ("data/catalog", "data/splits", "data/processed")


def run(folder: Path, *command: str, **variables: str) -> str:
    """What a command in this folder prints; it has to succeed."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "DVC_SITE_CACHE_DIR": str(folder / ".dvc/tmp/site"), **variables}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def dvc(folder: Path, *arguments: str, **variables: str) -> str:
    return run(folder, sys.executable, "-m", "dvc", *arguments, **variables)


def contents(folder: Path) -> dict[str, str]:
    """File → sha256, of what the first stages write."""
    files = [file for name in OUTPUTS for file in sorted((folder / name).rglob("*")) if file.is_file()]
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of this project in which the first three stages have run, with its dvc.lock committed."""
    folder = clone(tmp_path_factory.mktemp("remotes") / "prepared")
    dvc(folder, "repro", "preprocess")
    commit(functools.partial(run, folder), "prepared")
    return folder


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    with Sshd(tmp_path) as server:
        yield server


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[S3]:
    with S3(tmp_path) as server:
        yield server


def remote(folder: Path, url: str, settings: Mapping[str, str]) -> None:
    """The default one; what belongs to a person or a machine stays out of git."""
    dvc(folder, "remote", "add", "--default", "--local", "store", url)
    for name, value in settings.items():
        dvc(folder, "remote", "modify", "--local", "store", name, value)


def pushed_and_pulled(prepared: Path, tmp_path: Path, url: str, settings: Mapping[str, str], **variables: str) -> Path:
    """The fresh clone, in which everything is as it was."""
    (prepared / ".dvc/config.local").unlink(missing_ok=True)
    remote(prepared, url, settings)
    assert "pushed" in dvc(prepared, "push", *STAGES, **variables)
    fresh = clone(tmp_path / "fresh", prepared)
    remote(fresh, url, settings)
    dvc(fresh, "pull", *STAGES, **variables)
    assert contents(fresh) == contents(prepared) != {}
    assert "didn't change" in dvc(fresh, "repro", "preprocess")
    return fresh


def test_a_folder(prepared: Path, tmp_path: Path) -> None:
    pushed_and_pulled(prepared, tmp_path, str(tmp_path / "store"), {})


def test_ssh(prepared: Path, tmp_path: Path, sshd: Sshd) -> None:
    (tmp_path / "store").mkdir()
    settings = {"port": str(sshd.port), "user": sshd.user, "keyfile": str(sshd.key)}
    pushed_and_pulled(prepared, tmp_path, f"ssh://{HOST}{tmp_path}/store", settings)
    assert any(file.is_file() for file in (tmp_path / "store").rglob("*"))


def test_s3(prepared: Path, tmp_path: Path, s3: S3) -> None:
    url = f"{s3.create('convoy')}/project"
    fresh = pushed_and_pulled(prepared, tmp_path, url, {"endpointurl": s3.address}, **s3.credentials())
    assert S3.SECRET not in (fresh / ".dvc/config.local").read_text()
    shutil.rmtree(fresh / "data/processed")
    shutil.rmtree(fresh / ".dvc/cache")
    wrong = {**os.environ, **s3.credentials(), "AWS_SECRET_ACCESS_KEY": "wrong", "PYTHONPATH": str(fresh)}
    refused = subprocess.run(
        [sys.executable, "-m", "dvc", "pull", *STAGES], cwd=fresh, env=wrong, capture_output=True, check=False
    )
    assert refused.returncode != 0 and not (fresh / "data/processed").exists()
