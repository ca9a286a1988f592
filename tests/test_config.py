from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pydantic
import pytest
from pydantic import Field

from pipeline.config import Place, Section, YamlFile, did_you_mean, validate
from pipeline.errors import MESSAGE_LIMIT, ConvoyError, MissingFile, MissingKey, UnknownKey, UnreadableYaml, WrongValue


class Inner(Section):
    """A section inside another."""

    rate: float = Field(default=0.1, gt=0)
    kind: Literal["one", "two"] = "one"


class Outer(Section):
    """A section with a key that has no default."""

    count: int
    inner: Inner = Inner()
    on: bool = True


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function from text to YamlFile; the file is called `it.yaml` in every message."""
    monkeypatch.chdir(tmp_path)

    def write(text: str | bytes) -> YamlFile:
        Path("it.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
        return YamlFile(Path("it.yaml"))

    return write


def problems(file: YamlFile) -> list[str]:
    """Messages of everything wrong with the file as an Outer."""
    return [str(error) for error in validate(Outer, file.data, file)[1]]


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a: 1e-3\nb: .5\nc: 0x1F\nd: 1_000\n", {"a": 0.001, "b": 0.5, "c": 31, "d": 1000}),
        ("a: no\nb: yes\nc: off\nd: none\n", {"a": "no", "b": "yes", "c": "off", "d": "none"}),
        ("a: true\nb: ~\nc: null\nd:\n", {"a": True, "b": None, "c": None, "d": None}),
        ("a: {b: [1, {c: x}]}\n", {"a": {"b": [1, {"c": "x"}]}}),
        ("a: &x {b: 1}\nc: {<<: *x, d: 2}\n", {"a": {"b": 1}, "c": {"b": 1, "d": 2}}),
        ("a: '1'\nb: '2'\n", {"a": "1", "b": "2"}),
    ],
)
def test_yaml_is_read_as_version_1_2_into_plain_values(file: Any, text: str, data: dict[str, Any]) -> None:
    read = file(text).data
    assert read == data
    assert all(type(value) in (int, float, str, bool, type(None), dict, list) for value in read.values())


@pytest.mark.parametrize(
    ("place", "where"),
    [
        ((), "it.yaml:1:1"),
        (("a",), "it.yaml:2:1"),
        (("a", "b.c"), "it.yaml:3:3"),
        (("a", "b.c", "low"), "it.yaml:3:9"),
        (("a", "b.c", "high"), "it.yaml:3:17"),
        (("list", 1), "it.yaml:6:5"),
        (("list", 1, "x"), "it.yaml:6:5"),
        (("a", "absent", "deeper"), "it.yaml:2:1"),
        (("absent",), "it.yaml:1:1"),
        (("list", 7), "it.yaml:4:1"),
    ],
)
def test_every_key_knows_its_line_and_column_and_a_missing_one_its_parents(file: Any, place: Place, where: str) -> None:
    text = "# a comment\na:\n  b.c: {low: 1, high: 2}\nlist:\n  - 1\n  - x: 2\n"
    assert file(text).where(place) == where


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "E201 YAML at it.yaml — the top level is not `key: value` — write a mapping"),
        ("- a\n", "E201 YAML at it.yaml — the top level is not `key: value` — write a mapping"),
        ("a: 1\nb: 2\na: 3\n", 'E201 YAML at it.yaml:3:1 — found duplicate key "a" with value "3" (original value: "1")'),
        ("a: {b: 1, b: 2}\n", 'E201 YAML at it.yaml:1:11 — found duplicate key "b" with value "2" (original value: "1")'),
        ("a: [1,\n", "E201 YAML at it.yaml:2:1 — expected the node content"),
        ("a: b: c\n", "E201 YAML at it.yaml:1:5 — mapping values are not allowed here"),
        ("a: *x\n", "E201 YAML at it.yaml:1:4 — found undefined alias"),
        ("a: \x01\n", "E201 YAML at it.yaml — unacceptable character"),
        ("a: 1\n---\nb: 2\n", "E201 YAML at it.yaml:2:1 — but found another document"),
        (b"a: \xff\n", "E201 YAML at it.yaml — not UTF-8 text — save it as UTF-8"),
    ],
)
def test_what_is_no_yaml_mapping_is_refused_with_its_place(file: Any, text: str | bytes, message: str) -> None:
    with pytest.raises(UnreadableYaml) as refusal:
        file(text)
    assert str(refusal.value).startswith(message)
    assert "\n" not in str(refusal.value)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(MissingFile, match=r"^E212 nowhere/params\.yaml — there is no such file — check the path$"):
        YamlFile(Path("nowhere/params.yaml"))


def test_a_good_file_becomes_a_frozen_value(file: Any) -> None:
    yaml = file("count: 3\ninner: {rate: 1}\n")
    value, found = validate(Outer, yaml.data, yaml)
    assert (value, found) == (Outer(count=3, inner=Inner(rate=1.0)), [])
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        value.count = 4  # type: ignore[union-attr]  # what this line does is the test


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("count: 1\nunused: 2\n", "E202 unused at it.yaml:2:1 — nothing reads this key — choose from count, inner, on"),
        ("count: 1\niner: {}\n", "E202 iner at it.yaml:2:1 — nothing reads this key — did you mean inner?"),
        ("count: 1\ninner: {rat: 1.0}\n", "E202 inner.rat at it.yaml:2:9 — nothing reads this key — did you mean rate?"),
        ("on: true\n", "E204 count at it.yaml:1:1 — this key is needed — add it"),
        ("count: three\n", "E203 count at it.yaml:1:1 — 'three': Input should be a valid integer — correct the value"),
        ("count: '3'\n", "E203 count at it.yaml:1:1 — '3': Input should be a valid integer — correct the value"),
        ("count: 3.0\n", "E203 count at it.yaml:1:1 — 3.0: Input should be a valid integer — correct the value"),
        ("count: true\n", "E203 count at it.yaml:1:1 — True: Input should be a valid integer — correct the value"),
        ("count:\n", "E203 count at it.yaml:1:1 — None: Input should be a valid integer — correct the value"),
        ("count: 1\non: no\n", "E203 on at it.yaml:2:1 — 'no': Input should be a valid boolean — correct the value"),
        (
            "count: 1\ninner: {rate: .nan}\n",
            "E203 inner.rate at it.yaml:2:9 — nan: Input should be a finite number — correct the value",
        ),
        (
            "count: 1\ninner: {rate: .inf}\n",
            "E203 inner.rate at it.yaml:2:9 — inf: Input should be a finite number — correct the value",
        ),
        (
            "count: 1\ninner: {rate: -1}\n",
            "E203 inner.rate at it.yaml:2:9 — -1: Input should be greater than 0 — correct the value",
        ),
        (
            "count: 1\ninner:\n  kind: three\n",
            "E203 inner.kind at it.yaml:3:3 — 'three': Input should be 'one' or 'two' — write 'one' or 'two'",
        ),
    ],
)
def test_a_problem_is_told_with_key_place_value_and_remedy(file: Any, text: str, message: str) -> None:
    assert problems(file(text)) == [message]


def test_all_problems_are_told_at_once(file: Any) -> None:
    yaml = file("inner: {rate: 0, kind: 3, speed: 1}\non: 1\nextra: x\n")
    value, found = validate(Outer, yaml.data, yaml)
    assert value is None
    kinds = [type(error) for error in found]
    assert (kinds.count(MissingKey), kinds.count(UnknownKey), kinds.count(WrongValue), len(kinds)) == (1, 2, 3, 6)


def test_the_prefix_is_part_of_names_and_places(file: Any) -> None:
    yaml = file("part:\n  count: 1\n  inner: {rate: 0}\n")
    _, (error,) = validate(Outer, yaml.data["part"], yaml, prefix=("part",))
    assert (error.what, error.where) == ("part.inner.rate", "it.yaml:3:11")


def test_a_long_value_does_not_break_the_line(file: Any) -> None:
    (message,) = problems(file(f"count: {'x' * 500}\n"))
    assert len(message) <= MESSAGE_LIMIT


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("adma", "did you mean adam?"), ("quite other", "choose from adam, adamw, sgd")],
)
def test_a_remedy_names_the_nearest_or_all(name: str, remedy: str) -> None:
    assert did_you_mean(name, ["sgd", "adamw", "adam"]) == remedy


def test_every_problem_is_an_error_of_configuration(file: Any) -> None:
    yaml = file("count: x\nextra: 1\n")
    found: list[ConvoyError] = validate(Outer, yaml.data, yaml)[1]
    assert {error.exit_code for error in found} == {2}
