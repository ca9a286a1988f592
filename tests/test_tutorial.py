"""docs/tutorial.md is true: what a reader types is typed here, in a fresh clone, and what it shows is printed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.data.sources import open_source
from tests.repository import REPOSITORY

PAGE = REPOSITORY / "docs/tutorial.md"
BLOCK_SECONDS = 1800.0  # that a block may take; the first installs
SHOWN_SECONDS = 120.0  # until what runs in the background has printed what the page shows
NOT_A_READERS = ("PYTHONPATH", "VIRTUAL_ENV", "MLFLOW_TRACKING_URI", "COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START")


@dataclass(frozen=True)
class Step:
    """A block of commands as the page has it, and the lines that it shows below; … in a line stands for anything."""

    commands: str
    shown: tuple[str, ...] = ()

    def missing(self, printed: str) -> list[str]:
        """The lines of `shown` that were not printed."""
        patterns = {line: ".*".join(re.escape(part.strip()) for part in line.split("…")) for line in self.shown}
        return [line for line, pattern in patterns.items() if not re.search(pattern, printed)]


def _steps(page: str) -> list[Step]:
    steps: list[Step] = []
    for kind, content in re.findall(r"^```(sh|text)\n(.*?)^```$", page, re.DOTALL | re.MULTILINE):
        if kind == "sh":
            steps.append(Step(content))
        else:
            steps[-1] = Step(steps[-1].commands, tuple(content.splitlines()))
    return steps


class Terminal:
    """One bash for the whole page, so that its folder, its environment and what runs in the background last."""

    def __init__(self, folder: Path, notes: Path) -> None:
        """In `folder`; what it prints goes to a file in `notes`."""
        notes.mkdir()
        self._notes, self._log = notes, notes / "printed.txt"
        command = ["bash", "--norc"]
        with self._log.open("wb") as log:
            self._bash = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=folder, env=_environment(), start_new_session=True
            )

    def type(self, number: int, step: Step) -> None:
        """Run a block to its end, and wait for what it should show."""
        block, ended = self._notes / f"{number}.sh", self._notes / f"{number}.ended"
        block.write_text(step.commands)
        begun = len(self._printed())
        assert self._bash.stdin
        self._bash.stdin.write(f"set -e; . {block} </dev/null; touch {ended}\n".encode())
        self._bash.stdin.flush()
        _wait(lambda: ended.exists() or self._bash.poll() is not None, BLOCK_SECONDS)
        if ended.exists():
            _wait(lambda: not step.missing(self._printed()[begun:]), SHOWN_SECONDS)
        printed = self._printed()[begun:]
        assert ended.exists(), f"{step.commands}\n{printed}"
        assert not step.missing(printed), f"{step.commands}\n{printed}"

    def close(self) -> None:
        """End the shell and what it left in the background."""
        os.killpg(self._bash.pid, signal.SIGTERM)
        self._bash.communicate(timeout=30)

    def _printed(self) -> str:
        return self._log.read_text(errors="replace")


def _environment() -> dict[str, str]:
    """A reader's: nothing of the environment that the tests run in, and a name for git."""
    own = {str(Path(sys.executable).parent), str(Path(sys.prefix) / "bin")}
    kept = {name: value for name, value in os.environ.items() if name not in NOT_A_READERS}
    path = os.pathsep.join(folder for folder in os.environ["PATH"].split(os.pathsep) if folder not in own)
    names = {f"GIT_{who}_{what}": "reader@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    return {**kept, **names, "PATH": path}


def _wait(done: Callable[[], bool], seconds: float) -> None:
    """Until it is done, or for so long."""
    end = time.monotonic() + seconds
    while not done() and time.monotonic() < end:
        time.sleep(0.2)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """A terminal in a fresh clone of what is committed here."""
    subprocess.run(["git", "clone", "--quiet", REPOSITORY, tmp_path / "clone"], check=True)
    opened = Terminal(tmp_path / "clone", tmp_path / "notes")
    yield opened
    opened.close()


@pytest.mark.campaign
def test_the_tutorial_can_be_followed_literally(terminal: Terminal) -> None:
    """Installs into a new environment, so it needs a package index; 8 minutes on two cores, of which 3 install."""
    for number, step in enumerate(_steps(PAGE.read_text())):
        terminal.type(number, step)


def test_the_pictures_of_the_tutorial_can_be_drawn_and_are_what_it_says(tmp_path: Path) -> None:
    (draw,) = (step for step in _steps(PAGE.read_text()) if "ImageDraw" in step.commands)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}

    done = subprocess.run(["bash", "-ec", draw.commands], cwd=tmp_path, env=environment, capture_output=True, text=True)

    assert (done.returncode, draw.missing(done.stdout)) == (0, []), done.stderr
    source = open_source("folder", str(tmp_path / "data/raw/shapes"))
    assert Counter(sample.label for sample in source.samples()) == {"circle": 200, "square": 200, "triangle": 200}
    assert source.read("circle/000.png").pixels.shape == (28, 28, 1)


def test_a_line_shown_is_missed_unless_all_its_parts_are_printed_in_their_order() -> None:
    (step,) = _steps("```sh\nls\n```\n\n```text\none … three\n```\n")
    assert step.missing("one two three") == [] and step.missing("three\none") == ["one … three"]
