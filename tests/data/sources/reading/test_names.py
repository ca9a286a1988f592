from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data.sources.reading.names import set_name, shown, stored, twins
from pipeline.errors import ImageRefused


@pytest.mark.parametrize(
    ("name", "as_shown"),
    [
        ("cat/0.png", "cat/0.png"),
        ("日本 語/é.png", "日本 語/é.png"),
        ("a\nb\t\x7f", r"a\u000ab\u0009\u007f"),
        ("a\u2028b\x85", r"a\u2028b\u0085"),
        (r"a\nb", r"a\\nb"),
        (os.fsdecode(b"caf\xe9"), r"caf\xe9"),
    ],
)
def test_names_are_shown_on_one_line_of_utf8(name: str, as_shown: str) -> None:
    assert shown(name) == as_shown


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_is_shown_leads_back_to_the_name(name: str) -> None:
    assert stored(shown(name)) == name
    assert len(shown(name).splitlines()) <= 1


@given(st.binary())
def test_names_that_are_no_utf8_are_refused_and_those_that_are_come_back(content: bytes) -> None:
    name = os.fsdecode(content)
    assert shown(name).encode().decode() == shown(name)
    try:
        content.decode()
    except UnicodeDecodeError:
        with pytest.raises(ImageRefused, match="name-not-utf8"):
            stored(shown(name))
    else:
        assert stored(shown(name)) == name


@given(st.lists(st.binary(), min_size=2, max_size=2, unique=True))
def test_two_names_are_never_shown_alike(contents: list[bytes]) -> None:
    first, second = (shown(os.fsdecode(content)) for content in contents)
    assert first != second


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("my pets!", "my-pets-"),
        ("flowers5.tar.gz", "flowers5"),
        ("set.v2.ZIP", "set.v2"),
        ("blumen-ä", "blumen--"),
        ("labels.csv", "labels"),
        ("/", "set"),
    ],
)
def test_a_set_is_named_after_its_file_or_folder(path: str, name: str) -> None:
    assert set_name(Path(path)) == name


def test_twins_are_files_of_one_folder_that_look_the_same() -> None:
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    (error,) = twins([f"a/{composed}", f"a/{decomposed}", f"b/{composed}", "a/cafe"])
    assert error.code == "E313" and "caf\\xe9" in error.why and "cafe\\u0301" in error.why
    assert not twins([f"{composed}/0.png", f"{decomposed}/0.png", "A", "a"])
