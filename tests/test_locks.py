"""What is installed: every version is fixed, and every file's digest but those of torch, which differ with the index."""

from __future__ import annotations

import re
import tomllib
from itertools import chain

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.repository import REPOSITORY

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
LISTS = {name: (REPOSITORY / "locks" / f"{name}.txt").read_text() for name in ("runtime", "test", "test-cluster")}
BLOCK = re.compile(r"^(\S+)==([^ ;\n]+)(?: ; [^\\\n]+)?((?: \\\n    --hash=sha256:[0-9a-f]{64})*)$", re.MULTILINE)


def locked(text: str) -> dict[str, str]:
    """Name → version."""
    return {canonicalize_name(name): version for name, version, _ in BLOCK.findall(text)}


def test_every_version_but_torchs_stands_with_the_digests_of_its_files() -> None:
    every = locked((REPOSITORY / "requirements.lock").read_text())
    listed = [locked(text) for text in LISTS.values()]

    assert every == {"torch": every["torch"], **listed[0], **listed[1], **listed[2]}, "run `make lock`"
    assert len(every) == 1 + sum(map(len, listed)), "each in one list"


@pytest.mark.parametrize("name", LISTS)
def test_no_line_is_without_a_digest(name: str) -> None:
    blocks = BLOCK.findall(LISTS[name])
    assert all(digests for *_, digests in blocks)
    assert "".join(match[0] + "\n" for match in BLOCK.finditer(LISTS[name])) == LISTS[name], "nothing but versions and digests"


@pytest.mark.parametrize("needs", [*PROJECT["dependencies"], *chain(*PROJECT["optional-dependencies"].values())])
def test_what_pyproject_asks_for_is_locked_in_its_range(needs: str) -> None:
    requirement = Requirement(needs)
    if requirement.name == PROJECT["name"]:
        assert requirement.extras <= PROJECT["optional-dependencies"].keys()
        return
    versions = locked((REPOSITORY / "requirements.lock").read_text())
    assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)]), "run `make lock`"
