"""Frozen, closed configuration values, and YAML that remembers where each key stands."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from pipeline.addresses import redacted
from pipeline.errors import ConvoyError, MissingFile, MissingKey, UnknownKey, UnreadableYaml, WrongValue

Place = tuple[int | str, ...]
_SHOWN = 40  # characters of a wrong value in a message


class Section(BaseModel):
    """Base of every configuration value: frozen, closed to unknown keys, strict in types, finite in numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


SectionT = TypeVar("SectionT", bound=BaseModel)


class YamlFile:
    """A parsed YAML 1.2 file: `data` as plain dicts and lists, `where(place)` as file:line:column of a key."""

    def __init__(self, path: Path) -> None:
        """Raises MissingFile, or UnreadableYaml for broken syntax, a key given twice or a top level that is no mapping."""
        self.path = path
        self._tree = _parse(path)
        self.data: dict[str, Any] = _plain(self._tree)

    def where(self, place: Place) -> str:
        """`file:line:column` of the key at `place`, or of its nearest ancestor when the key itself is missing."""
        line, column = _position(self._tree, place)
        return f"{self.path}:{line + 1}:{column + 1}"

    def nearest(self, place: Place) -> Place:
        """`place`, without the steps at its end that the file does not have."""
        node: Any = self.data
        for depth, step in enumerate(place):
            known = step in node if isinstance(node, dict) else isinstance(node, list) and step in range(len(node))
            if not known:
                return place[:depth]
            node = node[step]
        return place


def validate(
    model: type[SectionT], data: object, file: YamlFile, prefix: Place = ()
) -> tuple[SectionT | None, list[ConvoyError]]:
    """The typed value, or None and every problem found in `data` (which stands at `prefix` of `file`), one a key."""
    try:
        return model.model_validate(data), []
    except ValidationError as failure:
        problems: dict[Place, list[Any]] = defaultdict(list)
        for problem in failure.errors():
            place = (*prefix, *problem["loc"])
            problems[place if problem["type"] == "missing" else file.nearest(place)].append(problem)
        return None, [_explain(place, alternatives, model, file) for place, alternatives in problems.items()]


def did_you_mean(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """A remedy: the nearest known name when there is one, else what to do `otherwise`, by default to choose from all of them."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else otherwise or f"choose from {', '.join(known)}"


def _parse(path: Path) -> CommentedMap:
    try:
        tree = YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MissingFile(f"{path}", why="there is no such file", remedy="check the path") from None
    except UnicodeDecodeError:
        raise UnreadableYaml("YAML", where=str(path), why="not UTF-8 text", remedy="save it as UTF-8") from None
    except MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        why = str(error.problem).splitlines()[0]
        raise UnreadableYaml("YAML", where=where, why=why, remedy="correct the syntax here") from None
    except YAMLError as error:
        raise UnreadableYaml("YAML", where=str(path), why=str(error), remedy="correct the syntax") from None
    if not isinstance(tree, CommentedMap):
        raise UnreadableYaml("YAML", where=str(path), why="the top level is not `key: value`", remedy="write a mapping")
    return tree


def _plain(node: Any) -> Any:
    if isinstance(node, CommentedMap):
        return {key: _plain(value) for key, value in node.items()}
    if isinstance(node, CommentedSeq):
        return [_plain(value) for value in node]
    if isinstance(node, bool) or node is None:
        return node
    for kind in (int, float, str):  # ruamel's scalars are subclasses that carry their notation
        if isinstance(node, kind):
            return kind(node)
    return node


def _position(tree: Any, place: Place) -> tuple[int, int]:
    line, column = 0, 0
    node = tree
    for step in place:
        if isinstance(node, CommentedMap) and step in node:
            line, column = node.lc.key(step)
        elif isinstance(node, CommentedSeq) and isinstance(step, int) and step < len(node):
            line, column = node.lc.item(step) or (line, column)  # of a sequence with a tag nothing is known
        else:
            break
        node = node[step]
    return line, column


def _explain(place: Place, alternatives: Sequence[Any], model: type[BaseModel], file: YamlFile) -> ConvoyError:
    """What is wrong at `place`; several `alternatives` are what each of the types that the key may have says."""
    problem = alternatives[0]
    name = ".".join(str(step) for step in place)
    where = file.where(place)
    if problem["type"] == "extra_forbidden":
        remedy = did_you_mean(str(place[-1]), _fields_at(model, problem["loc"][:-1]))
        return UnknownKey(name, where=where, why="nothing reads this key", remedy=remedy)
    if problem["type"] == "missing":
        return MissingKey(name, where=where, why="this key is needed", remedy="add it")
    why = f"{_shown(problem['input'])}: {' or '.join(_rule(alternative) for alternative in alternatives)}"
    return WrongValue(name, where=where, why=why, remedy=_remedy(alternatives))


def _shown(value: object) -> str:
    """Its beginning without user and password, so that a long list leaves room for the rule that it breaks."""
    text = redacted(repr(value))
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _rule(problem: Any) -> str:
    """The rule that was broken, without the names of our classes."""
    if problem["type"] == "model_type":
        return "Input should be `key: value`"
    return str(problem.get("ctx", {}).get("error", problem["msg"]))


def _remedy(alternatives: Sequence[Any]) -> str:
    expected = alternatives[0].get("ctx", {}).get("expected")
    return f"write {expected}" if expected and len(alternatives) == 1 else "correct the value"


def _fields_at(model: type[BaseModel], loc: Sequence[int | str]) -> list[str]:
    for step in loc:
        field = model.model_fields.get(str(step))
        if field is None or not isinstance(field.annotation, type) or not issubclass(field.annotation, BaseModel):
            break
        model = field.annotation
    return list(model.model_fields)
