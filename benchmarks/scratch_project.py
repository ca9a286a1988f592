"""A project in a temporary folder, for benchmarks that run the real stages."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
from ruamel.yaml import YAML

REPOSITORY = Path(__file__).parents[1]
_LOOK_SECONDS = 0.2  # between two looks at the memory


@dataclass(frozen=True)
class Cost:
    """Wall seconds of a command, the most MiB its processes held at once (shared pages counted once), and its output."""

    seconds: float
    peak_mib: float
    output: str


@contextlib.contextmanager
def scratch_project(changes: Mapping[str, Mapping[str, Any]]) -> Iterator[Path]:
    """A folder with this repository's params.yaml, changed by section and key; deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="convoy-benchmark-") as folder:
        project = Path(folder)
        params = yaml().load(REPOSITORY / "params.yaml")
        for section, values in changes.items():
            params[section].update(values)
        yaml().dump(params, project / "params.yaml")
        shutil.copy(REPOSITORY / "dvc.yaml", project)
        shutil.copytree(REPOSITORY / "search_spaces", project / "search_spaces")
        yield project


def run_stage(stage: str, project: Path) -> Cost:
    """Run a stage as `dvc repro` would; ends this program with the stage's output when it fails."""
    return measured([sys.executable, "-m", "pipeline", stage], project)


def measured(command: list[str], folder: Path) -> Cost:
    """Run a command in `folder`; ends this program with its output when it fails."""
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    begun = time.monotonic()
    with tempfile.TemporaryFile("w+") as output:
        with subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT) as process:
            peak = _watch(process)
        seconds = time.monotonic() - begun
        output.seek(0)
        text = output.read()
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{text}")
    return Cost(seconds, peak / 2**20, text)


def machine() -> str:
    """One line: cores, Python and the versions that matter."""
    packages = ", ".join(
        f"{name} {version(name)}" for name in ("torch", "ray", "optuna", "mlflow", "pillow", "simplejpeg", "numpy")
    )
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, {packages}"


def yaml() -> YAML:
    """YAML as Convoy reads it."""
    return YAML(typ="safe", pure=True)


def _watch(process: subprocess.Popen[bytes]) -> int:
    """The most bytes that the process and its children held at one look, until it ends."""
    peak = 0
    watched = psutil.Process(process.pid)
    while process.poll() is None:
        peak = max(peak, sum(_held(one) for one in _family(watched)))
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_LOOK_SECONDS)
    return peak


def _family(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _held(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return 0
