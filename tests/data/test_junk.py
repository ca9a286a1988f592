from __future__ import annotations

import pytest

from pipeline.data.junk import junk


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (".DS_Store", "hidden"),
        ("._0.png", "hidden"),
        (".git", "hidden"),
        ("Thumbs.db", "system-file"),
        ("desktop.INI", "system-file"),
        ("__MACOSX", "system-file"),
        ("0.png", None),
        ("thumbs.db.png", None),
        ("-rf", None),
    ],
)
def test_junk_is_known_by_its_name(name: str, why: str | None) -> None:
    assert junk(name) == why
