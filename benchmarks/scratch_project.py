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
_LOOK_SECONDS = 0.2  # between two looks at the processor time
_LOOKS_FOR_ONE_AT_MEMORY = 3  # which takes longer


@dataclass(frozen=True)
class Cost:
    """What a command cost: wall and processor seconds, the most MiB its processes held at once; and its output.

    Shared pages are counted once. Processor time and memory are read every so often, so the end of a short process is missed.
    """

    seconds: float
    peak_mib: float
    output: str
    cpu_seconds: float = 0.0


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
            peak, cpu_seconds = _watch(process)
        seconds = time.monotonic() - begun
        output.seek(0)
        text = output.read()
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{text}")
    return Cost(seconds, peak / 2**20, text, cpu_seconds)


def machine() -> str:
    """One line: cores that may be used, Python and the versions that matter."""
    packages = ", ".join(
        f"{name} {version(name)}" for name in ("torch", "ray", "optuna", "mlflow", "pillow", "simplejpeg", "numpy")
    )
    return f"{len(os.sched_getaffinity(0))} cores, {platform.machine()}, Python {platform.python_version()}, {packages}"


def yaml() -> YAML:
    """YAML as Convoy reads it."""
    return YAML(typ="safe", pure=True)


def _watch(process: subprocess.Popen[bytes]) -> tuple[int, float]:
    """The most bytes that the process and its children held at one look, and the processor seconds they used, until it ends."""
    peak, looks = 0, 0
    used: dict[psutil.Process, float] = {}
    watched = psutil.Process(process.pid)
    while process.poll() is None:
        family = _family(watched)
        used.update((one, _used(one) or used.get(one, 0.0)) for one in family)
        if looks % _LOOKS_FOR_ONE_AT_MEMORY == 0:
            peak = max(peak, sum(_held(one) for one in family))
        looks += 1
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_LOOK_SECONDS)
    return peak, sum(used.values())


def _family(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _used(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0.0
    return float(times.user + times.system)


def _held(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return 0
