"""A study's identity: the digests of everything that gives its results their meaning. The budget is not among them."""

from __future__ import annotations

import ast
import hashlib
import json
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pipeline
from pipeline.data.preparation.recipe import Recipe
from pipeline.models import NOT_FAMILIES
from pipeline.search.settings import SearchParams
from pipeline.search.spaces.space import Space
from pipeline.study.records import StudyRow

# The code whose change changes what a trial's numbers mean, relative to the package.
TRAINING_CODE = ("models", "training", "data/augmentation", "data/batches.py", "data/preparation/standardize.py", "data/seeds.py")

# What happens before a search and after it.
NOT_TRAINING = (
    "data/augmentation/copies.py",
    "data/augmentation/settings.py",
    "training/engines.py",
    "training/exact_resize.py",
    "training/handout.py",
    "training/onnx_program.py",
    "training/plain_arithmetic.py",
    "training/program.py",
    "training/settings.py",
)


def new_study(params: SearchParams, space: Space, recipe: Recipe, facts: Mapping[str, str]) -> StudyRow:
    """The row of the study that these parameters mean, begun now."""
    fixed = {"metric": params.metric, "seed": params.seed}
    prepared = recipe.model_dump(mode="json", exclude={"digests", "counts"})
    digests = {
        "data": digest({split: recipe.digests[split] for split in ("train", "val")}),
        "preprocessing": digest(prepared),
        "space": digest(space.canonical()),
        "metric": digest(fixed["metric"]),
        "seed": digest(fixed["seed"]),
        "code": code_digest(Path(pipeline.__file__).parent, *space.families),
        **({"objectives": ",".join(params.costs)} if params.costs else {}),
    }
    return StudyRow(study_id(digests), time.time(), params.metric, digests, dict(facts), 0.0, False)


def digest(value: Any) -> str:
    """sha256 of a JSON value, independent of the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def study_id(identity: Mapping[str, str]) -> str:
    """16 hexadecimal digits naming the study of this identity."""
    return digest(dict(identity))[:16]


def code_digest(package: Path, *families: str) -> str:
    """Digest of the syntax trees, without docstrings and comments, of the code that trains networks of these families."""
    files = [file for part in TRAINING_CODE for file in _modules(package / part)]
    named = {file.relative_to(package).as_posix(): file for file in files}
    return digest({name: _meaning(file.read_text(encoding="utf-8")) for name, file in named.items() if _trains(name, families)})


def differences(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """The keys in which two identities differ, sorted."""
    return sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key))


def _trains(name: str, families: Collection[str]) -> bool:
    """Whether a module, by its path in the package, has a part in training networks of one of these families."""
    folder, _, module = name.rpartition("/")
    if folder == "models":
        return module.removesuffix(".py") in {"__init__", *families, *NOT_FAMILIES}
    return name not in NOT_TRAINING


def _modules(path: Path) -> list[Path]:
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


def _meaning(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(node):
            node.body = node.body[1:]
    return ast.dump(tree)
