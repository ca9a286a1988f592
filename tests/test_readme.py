"""What README and docs tell a newcomer to type and to open is there."""

from __future__ import annotations

import itertools
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from dvc.cli.parser import get_main_parser
from ray.scripts.scripts import cli as ray_cli
from ruamel.yaml import YAML

from pipeline.commands.parser import parser
from pipeline.commands.stage import STAGES
from tests.repository import REPOSITORY

README = REPOSITORY / "README.md"
PAGES = [README, *sorted((REPOSITORY / "docs").glob("*.md")), REPOSITORY / "benchmarks/README.md"]
PROGRAMS = {"make", "convoy", "dvc", "python", "python3", "pip", ".", "mlflow", "ray"}
OTHER_PROGRAMS = {"chmod", "curl", "git", "head", "kill", "ls", "rm", "sed", "taskset"}  # of any system; in blocks alone
OF_CLUSTERS = {"docker", "export", "kubectl", "sbatch", "sh", "ssh"}


def test_the_readme_is_short() -> None:
    assert len(README.read_text().splitlines()) <= 150


def _commands(page: Path) -> Iterator[list[str]]:
    """What is to be typed: each line of a shell block, and every `inline` text that begins with a program and has an argument."""
    for line in re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)):
        if "…" not in line:
            yield from (words for words in _words(line) if words[0] in PROGRAMS and len(words) > 1)
    for line in _lines_of_blocks(page):
        yield from _words(line)


def _lines_of_blocks(page: Path) -> list[str]:
    """The command lines of every shell block, without what a line such as `python - <<'END'` reads up to END."""
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", page.read_text(), re.DOTALL | re.MULTILINE)
    typed = [re.sub(r" <<'(\w+)'\n.*?^\1$", "", block, flags=re.DOTALL | re.MULTILINE) for block in blocks]
    return [line for block in typed for line in block.splitlines()]


def _words(line: str) -> Iterator[list[str]]:
    """Of each command of a line, which may stand in the background."""
    for part in line.split("&&"):
        if words := shlex.split(part.strip().removesuffix("&") if re.match(r"[\w.]+\b", part.strip()) else "", comments=True):
            yield words


TYPED = [(page, words) for page in PAGES for words in _commands(page)]
IDS = [f"{page.name}: {' '.join(words)}" for page, words in TYPED]


@pytest.mark.parametrize(("page", "words"), TYPED, ids=IDS)
def test_a_command_that_a_page_names_exists(page: Path, words: list[str]) -> None:
    program, *arguments = words
    if program == "make":
        subprocess.run(["make", "--dry-run", *arguments], cwd=REPOSITORY, check=True, capture_output=True)
    elif program == "convoy":
        assert _parses(arguments)
    elif program == "dvc":
        taken = get_main_parser().parse_args(arguments)
        assert set(getattr(taken, "targets", None) or []) <= set(STAGES)
        for override in (word for flag, word in itertools.pairwise(arguments) if flag == "-S"):
            assert _is_parameter(override.partition("=")[0]), override
    elif program == "ray":
        _ray_parses(arguments)
    elif program == "sh" or (program == "python" and not arguments[0].startswith("-")):
        assert (REPOSITORY / arguments[0]).is_file()
    else:
        assert program in PROGRAMS | OTHER_PROGRAMS | OF_CLUSTERS
        assert all((REPOSITORY / word).is_file() for word in arguments if word.startswith("deploy/"))


def _ray_parses(arguments: list[str]) -> None:
    """Raises what is wrong, such as an option that there is not."""
    command = ray_cli.commands[arguments[0]]
    command.make_context(arguments[0], arguments[1:], resilient_parsing=True)


def _parses(arguments: list[str]) -> bool:
    """Whether the command line takes them; a command alone need not have its arguments."""
    try:
        return bool(parser().parse_args(arguments if len(arguments) > 1 else [*arguments, "--help"]).act)
    except SystemExit as end:
        return end.code == 0


def _is_parameter(name: str) -> bool:
    values = YAML(typ="safe").load(REPOSITORY / "params.yaml")
    for key in name.split("."):
        if not isinstance(values, dict) or key not in values:
            return False
        values = values[key]
    return True


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())
    assert [target for target in targets if not target.startswith("http") and not (page.parent / target).is_file()] == []


def test_every_file_of_the_table_is_there() -> None:
    table = README.read_text().partition("| I want to … | File |")[2].partition("\n\n")[0]
    files = [name for name in re.findall(r"`([^`]+)`", table) if "/" in name or name.endswith(".yaml")]
    assert len(files) >= 12
    assert [file for file in files if not (REPOSITORY / file).is_file()] == []
