from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cluster.token import find
from pipeline.errors import SecurityRefusal


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder that only its owner enters, as all folders above it that pytest makes."""
    folder = tmp_path / "home"
    (folder / ".ray").mkdir(parents=True)
    return folder


def put(file: Path, mode: int = 0o600) -> Path:
    file.write_text("abc\n")
    file.chmod(mode)
    return file


def test_ray_finds_it_in_the_same_places_in_the_same_order(home: Path) -> None:
    assert find({}, home) is None
    put(home / ".ray/auth_token")
    other = put(home / "other")
    other.write_text("other")
    assert find({}, home) == "abc"
    assert find({"RAY_AUTH_TOKEN_PATH": str(other)}, home) == "other"
    assert find({"RAY_AUTH_TOKEN_PATH": str(other), "RAY_AUTH_TOKEN": "first"}, home) == "first"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_token_that_others_can_read_is_refused(home: Path, mode: int) -> None:
    put(home / ".ray/auth_token", mode)
    with pytest.raises(SecurityRefusal, match=f"mode {mode:04o}: others"):
        find({}, home)


def test_a_token_in_folders_that_others_enter_is_refused(home: Path) -> None:
    file = put(home / ".ray/auth_token")
    before = {folder: folder.stat().st_mode for folder in file.parents if folder.stat().st_mode & 0o011 == 0}
    for folder in before:
        folder.chmod(0o755)
    try:
        with pytest.raises(SecurityRefusal, match="others may enter all folders"):
            find({}, home)
    finally:
        for folder, mode in before.items():
            folder.chmod(mode)
    file.parent.chmod(0o700)
    assert find({}, home) == "abc"


def test_a_file_that_is_named_and_not_there_is_refused(home: Path) -> None:
    with pytest.raises(SecurityRefusal, match="RAY_AUTH_TOKEN_PATH"):
        find({"RAY_AUTH_TOKEN_PATH": str(home / "nowhere")}, home)
