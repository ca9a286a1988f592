from __future__ import annotations

import pytest

from pipeline.errors import WrongValue
from pipeline.tracking.reference import Reference, is_one, parse


@pytest.mark.parametrize(
    ("text", "meant", "shown"),
    [
        ("convoy-digits", Reference("convoy-digits"), "convoy-digits@champion"),
        ("my model@challenger", Reference("my model", "challenger"), "my model@challenger"),
        ("digits/12", Reference("digits", version="12"), "digits/12"),
        ("@challenger", Reference(None, "challenger"), "@challenger"),
        ("models:/digits@champion", Reference("digits"), "digits@champion"),
    ],
)
def test_a_name_an_alias_or_a_version(text: str, meant: Reference, shown: str) -> None:
    assert parse(text) == meant and str(meant) == shown


@pytest.mark.parametrize("text", ["", "a/b", "a@", "a@b/1", "/3", "a/0", "models:/", "https://x"])
def test_anything_else_is_refused_with_the_forms_there_are(text: str) -> None:
    with pytest.raises(WrongValue, match=r"NAME@alias"):
        parse(text)


def test_a_folder_is_not_taken_for_a_model() -> None:
    assert [is_one(text) for text in ("champion", "a/3", "x@y", "models:/x")] == [False, False, True, True]
