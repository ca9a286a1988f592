from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest

from pipeline import errors
from pipeline.errors import MESSAGE_LIMIT, BadRange, ConvoyError, DiskFull, Interrupted, Problems, WrongValue, raise_all

DOCUMENT = Path(__file__).parents[1] / "docs" / "errors.md"


def descendants(kind: type[ConvoyError]) -> list[type[ConvoyError]]:
    children = [child for child in kind.__subclasses__() if child.__module__ == errors.__name__]
    return [*children, *(deeper for child in children for deeper in descendants(child))]


EVERY = [kind for kind in descendants(ConvoyError) if kind is not Problems]
GROUPS = [kind for kind in EVERY if kind.__subclasses__()]
LEAVES = [kind for kind in EVERY if not kind.__subclasses__()]


def sections() -> dict[str, str]:
    """`E201 UnreadableYaml` → the text below that heading of docs/errors.md."""
    parts = re.split(r"^### (.+)$", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_docs_have_one_heading_for_each_error() -> None:
    headings = re.findall(r"^### (.+)$", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert sorted(headings) == sorted(f"{kind.code} {kind.__name__}" for kind in LEAVES)


def test_docs_group_errors_by_their_exit_code() -> None:
    groups = re.findall(r"^## (\w+): exit code (\d+)", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    alone = [kind for kind in LEAVES if kind.__base__ is ConvoyError]
    assert sorted(groups) == sorted((kind.__name__, str(kind.exit_code)) for kind in [*GROUPS, *alone])


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.__name__)
def test_docs_tell_cause_and_remedy(kind: type[ConvoyError]) -> None:
    text = sections()[f"{kind.code} {kind.__name__}"]
    assert re.search(r"^\*\*Cause\.\*\* \w", text, flags=re.MULTILINE)
    assert re.search(r"^\*\*Remedy\.\*\* \w", text, flags=re.MULTILINE)


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.__name__)
def test_the_tree_at_the_top_of_the_module_names_every_error(kind: type[ConvoyError]) -> None:
    assert re.search(rf"── {kind.__name__} {kind.code}\b", errors.__doc__ or "")


def test_every_error_has_a_code_of_its_own() -> None:
    codes = [kind.code for kind in EVERY]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("kind", GROUPS, ids=lambda kind: kind.__name__)
def test_errors_of_a_group_share_its_exit_code(kind: type[ConvoyError]) -> None:
    assert {child.exit_code for child in descendants(kind)} == {kind.exit_code}


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.__name__)
def test_a_message_is_code_what_where_why_remedy(kind: type[ConvoyError]) -> None:
    error = kind("kernel", where="a.yaml:3:1", why="9 is too large", remedy="choose ≤ 7")
    assert str(error) == f"{kind.code} kernel at a.yaml:3:1 — 9 is too large — choose ≤ 7"


def test_a_message_without_a_place_leaves_it_out() -> None:
    assert str(DiskFull("state", why="no space", remedy="free some")) == "E801 state — no space — free some"


@pytest.mark.parametrize("why", ["two\nlines", "many    spaces", "x" * 500, "tab\tand\r\nreturn"])
def test_a_message_is_one_line_of_limited_length(why: str) -> None:
    message = str(WrongValue("key", why=why, remedy="correct it"))
    assert len(message) <= MESSAGE_LIMIT
    assert message == " ".join(message.split())


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.__name__)
def test_errors_survive_the_way_between_processes(kind: type[ConvoyError]) -> None:
    error = kind("kernel", where="a.yaml:3:1", why="9 is too large", remedy="choose ≤ 7")
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.exit_code) == (kind, str(error), error.exit_code)


def test_an_interruption_tells_its_signal_by_the_exit_code() -> None:
    assert Interrupted("search", why="SIGINT", remedy="run it again").exit_code == 130
    assert Interrupted("search", why="SIGTERM", remedy="run it again", exit_code=143).exit_code == 143


def test_several_problems_are_one_line_each_with_the_first_exit_code() -> None:
    several = Problems([BadRange("a", why="b", remedy="c"), DiskFull("d", why="e", remedy="f")])
    assert str(several) == "E205 a — b — c\nE801 d — e — f"
    assert several.exit_code == 2
    assert str(pickle.loads(pickle.dumps(several))) == str(several)


def test_raise_all_raises_nothing_the_one_or_all() -> None:
    one, two = BadRange("a", why="b", remedy="c"), DiskFull("d", why="e", remedy="f")
    raise_all([])
    with pytest.raises(BadRange):
        raise_all([one])
    with pytest.raises(Problems) as several:
        raise_all([one, two])
    assert several.value.errors == (one, two)
