"""What a stage that is sent away amounts to: by the rule by which DVC says that a stage is unchanged, it is the same work."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import artifacts
from pipeline.config import YamlFile, did_you_mean
from pipeline.errors import MissingFile, UnknownName, WrongValue

_TEMPLATE = re.compile(r"\$\{([\w.]+)\}")
DVC_YAML = Path("dvc.yaml")


@dataclass(frozen=True)
class Work:
    """A stage with the files it reads and writes, as dvc.yaml lists them; code is read too, and travels with the working tree."""

    stage: str
    reads: tuple[str, ...]  # files
    code: tuple[str, ...]  # files
    writes: tuple[str, ...]  # files and folders
    parameters: Mapping[str, Any]

    def key(self, root: Path, package: Path) -> str:
        """16 hexadecimal digits that stay the same as long as what the stage depends on does."""
        read = {name: artifacts.file_digest(root / name) for name in self.reads}
        code = {name: artifacts.file_digest(package.parent / name) for name in self.code}
        told = {"stage": self.stage, "reads": read, "code": code, "writes": self.writes, "parameters": self.parameters}
        return artifacts.sha256(repr(sorted(told.items())).encode())[:16]


def work(stage: str, root: Path, package: Path, parameters: Mapping[str, Any]) -> Work:
    """What dvc.yaml says of a stage; `parameters` are all of params.yaml. Raises UnknownName, or MissingFile."""
    stages = YamlFile(root / DVC_YAML).data["stages"]
    if stage not in stages:
        raise UnknownName(f"stage {stage}", where=str(DVC_YAML), why="it has no such stage", remedy=did_you_mean(stage, stages))
    section = stages[stage]
    paths = [_filled(path, parameters) for path in section["deps"]]
    code = [path for path in paths if Path(path).parts[0] == package.name]
    read = [name for path in paths if path not in code for name in _files(root, path)]
    outputs = [path for kind in ("outs", "metrics", "plots") for path in map(_path, section.get(kind, []))]
    return Work(
        stage,
        tuple(sorted(read)),
        tuple(sorted(name for path in code for name in _files(package.parent, path) if name.endswith(".py"))),
        tuple(sorted(outputs)),
        {name: _value(name, parameters) for name in section["params"]},
    )


def files_of(root: Path, outputs: tuple[str, ...]) -> list[str]:
    """The files that a stage wrote; raises MissingFile for an output that is not there."""
    return [name for path in outputs for name in _files(root, path)]


def _path(output: str | dict[str, Any]) -> str:
    return output if isinstance(output, str) else next(iter(output))


def _files(root: Path, path: str) -> list[str]:
    """Those that a path of dvc.yaml stands for, relative to `root`; none may lie outside, where a job would look in vain."""
    place = root / path
    if Path(path).is_absolute() or ".." in Path(path).parts:
        raise WrongValue(path, where=str(DVC_YAML), why="it lies outside the project", remedy="a job needs a path inside it")
    if place.is_file():
        return [path]
    if not place.is_dir():
        raise MissingFile(path, why="there is no such file or folder", remedy="run `dvc repro`, which writes it")
    return [file.relative_to(root).as_posix() for file in place.rglob("*") if file.is_file()]


def _filled(path: str, parameters: Mapping[str, Any]) -> str:
    return _TEMPLATE.sub(lambda found: str(_value(found[1], parameters)), path)


def _value(name: str, parameters: Mapping[str, Any]) -> Any:
    value: Any = parameters
    for step in name.split("."):
        value = value[step]
    return value
