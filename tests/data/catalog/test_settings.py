from __future__ import annotations

import pytest
from pydantic import ValidationError

from pipeline.data.catalog.settings import IngestParams


@pytest.mark.parametrize("workers", ["auto", 1, 16])
def test_workers_are_a_number_or_auto(workers: object) -> None:
    assert IngestParams.model_validate({"workers": workers}).workers == workers


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("workers", 0, "at least 1"),
        ("workers", "many", "auto"),
        ("smallest_class", 2, "greater than or equal to 3"),  # train, val and test each need one
        ("contradiction_share", 1.5, "less than or equal to 1"),
        ("on_small_class", "skip", "'fail', 'drop' or 'merge'"),
        ("on_similar_labels", "drop", "'fail', 'merge' or 'keep'"),
        ("on_contradiction", "merge", "'fail', 'drop' or 'keep'"),
        ("source", "foder", "folder"),
    ],
)
def test_what_cannot_be_meant_is_refused(key: str, value: object, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        IngestParams.model_validate({key: value})
