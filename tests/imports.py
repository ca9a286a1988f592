"""What the source files of the package import, read from their syntax trees: functions' own imports included."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.repository import REPOSITORY

PACKAGE = REPOSITORY / "pipeline"
MODULES = {
    ".".join(file.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__"): file
    for file in sorted(PACKAGE.rglob("*.py"))
}

# Code that is run or read without an import statement for it. `closure` follows it like an import; a module that calls
# importlib or names __file__ must stand here.
NOT_BY_STATEMENT = {
    "pipeline.data.sources": [name for name in MODULES if name.startswith("pipeline.data.sources.")],  # open_source(name)
    "pipeline.models": [name for name in MODULES if name.startswith("pipeline.models.")],  # family(name)
    "pipeline.tracking.registry": ["pipeline.tracking.served_model"],  # copied into the registered model
    "pipeline.prediction.reproduce": [],  # importlib: the engines that are installed, torch and onnxruntime
    "pipeline.data.catalog.seen": [],  # __file__: the code whose change makes what was seen out of date
    "pipeline.search.identity": [],  # __file__: the package's own folder, for the digest of the code in it
    "pipeline.cluster.node": [],  # __file__: the package as a node has it
    "pipeline.search.execution.joining": [],  # __file__: the package, which every node gets
    "pipeline.commands.sending": [],  # __file__: the code that a job is sent
    # a process; __file__: the script that asks for a fork
    "pipeline.search.execution.worker_forks": ["pipeline.search.execution.forking_process"],
    "pipeline.search.execution.forked_worker": [],  # runpy: the script that Ray's workers run
    "pipeline.search.execution.ray_environment": [],  # __file__: where Ray's workers find the package
}


@dataclass(frozen=True)
class Import:
    """A statement of `file` that imports `module`, a dotted name; `late`: only when a function is called."""

    file: Path
    line: int
    module: str
    late: bool

    def __str__(self) -> str:
        return f"{self.file.relative_to(REPOSITORY)}:{self.line} imports {self.module}"


def imports(file: Path) -> Iterator[Import]:
    """Every import statement that is ever executed; what stands under `if TYPE_CHECKING:` is not."""
    yield from _within(ast.parse(file.read_text(encoding="utf-8")), file, late=False)


def closure(module: str) -> set[str]:
    """The modules of the package that running `module` can execute, itself included."""
    found: set[str] = set()
    todo = [module]
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += [other.module for other in imports(MODULES[name]) if other.module in MODULES]
            todo += NOT_BY_STATEMENT.get(name, [])
    return found


def _within(node: ast.AST, file: Path, *, late: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        if isinstance(child, ast.Import):
            yield from (Import(file, child.lineno, alias.name, late) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"{file}:{child.lineno}: a relative import"
            names = (f"{child.module}.{alias.name}" for alias in child.names)
            yield from (Import(file, child.lineno, _module(name), late) for name in names)
        yield from _within(child, file, late=late or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef))


def _module(name: str) -> str:
    """`name` when it is a module of the package, else the module that defines it."""
    return name if name in MODULES else name.rpartition(".")[0]
