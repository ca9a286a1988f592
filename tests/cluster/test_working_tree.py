"""What a job gets of the working tree: all that git would keep, nothing that looks secret, and nothing when it is too much."""

from __future__ import annotations

import io
import subprocess
import zipfile
from pathlib import Path

import pytest

from pipeline.cluster import working_tree
from pipeline.cluster.working_tree import gather, looks_secret
from pipeline.errors import TreeTooLarge

KEPT = {
    "params.yaml": "x",
    "search_spaces/cnn.yaml": "x",
    "pipeline/__init__.py": "",
    "pipeline/data/batches.py": "x",
    "new.py": "",
}
LEFT = ["data/processed/train/0.npy", "state/studies.db", ".venv/bin/python", "results/search/best.yaml", "ignored/by_git.txt"]
SECRET = [".env", ".env.production", "deploy/secrets/postgres", "tls/server.pem", "credentials", "aws/credentials.json", "id_rsa"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    for name, content in {**KEPT, **dict.fromkeys([*LEFT, *SECRET], "CANARY"), ".gitignore": "/ignored/\n"}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


@pytest.mark.parametrize("under_git", [True, False])
def test_a_job_gets_what_git_keeps_or_would_and_nothing_secret(project: Path, under_git: bool) -> None:
    if under_git:
        for command in ("git init -q", "git add --force params.yaml credentials"):  # in git by mistake, it is still a secret
            subprocess.run(command.split(), cwd=project, check=True)

    tree = gather(project, project / "pipeline")

    assert sorted(tree.files) == sorted([*KEPT, ".gitignore"])
    assert tree.secret == tuple(sorted(SECRET))
    assert b"CANARY" not in b"".join(_content(tree.archive()).values())


def test_a_deleted_file_is_not_sent_and_a_changed_one_is_as_it_is_now(project: Path) -> None:
    for command in ("git init -q", "git add params.yaml new.py"):
        subprocess.run(command.split(), cwd=project, check=True)
    (project / "new.py").unlink()
    (project / "params.yaml").write_text("changed")

    content = _content(gather(project, project / "pipeline").archive())

    assert content["params.yaml"] == b"changed" and "new.py" not in content


def test_a_link_is_followed_only_to_what_is_sent_anyway(project: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("CANARY")
    for name, target in {"out": "../outside", "key": ".env", "image": LEFT[0], "gone": "nowhere", "same": "params.yaml"}.items():
        (project / name).symlink_to(target)

    assert set(gather(project, project / "pipeline").files) - {*KEPT, ".gitignore"} == {"same"}


def test_the_code_that_runs_here_is_sent_where_the_project_does_not_hold_it(project: Path, tmp_path: Path) -> None:
    package = tmp_path / "checkout/pipeline"
    (package / "search").mkdir(parents=True)
    (package / "search/run.py").write_text("of the checkout")

    assert _content(gather(project, package).archive())["pipeline/search/run.py"] == b"of the checkout"


def test_the_same_files_make_the_same_archive(project: Path) -> None:
    first = gather(project, project / "pipeline").archive()
    (project / "params.yaml").write_text("x")  # of another time
    assert gather(project, project / "pipeline").archive() == first
    (project / "params.yaml").chmod(0o755)
    assert gather(project, project / "pipeline").archive() != first


def test_too_large_a_tree_is_refused_with_its_largest_folders(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working_tree, "LIMIT_BYTES", 5 * 2**20)
    for name, size in {"notes/big/a.bin": 3, "notes/big/b.bin": 2, "weights.bin": 2}.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_bytes(bytes(size * 2**20))

    with pytest.raises(TreeTooLarge, match=r"7 MB, more than 5 MB: notes/big 5 MB, weights\.bin 2 MB"):
        gather(project, project / "pipeline").archive()


@pytest.mark.parametrize("name", ["pipeline/tokens.py", "docs/environment.md", "search_spaces/keys.yaml", "requirements.lock"])
def test_what_only_sounds_secret_is_sent(name: str) -> None:
    assert not looks_secret(name)


def _content(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        return {name: file.read(name) for name in file.namelist()}
