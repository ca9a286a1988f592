"""Long first points begin first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.search.order import all_are_tried, longest_first
from pipeline.search.settings import SearchParams
from pipeline.search.spaces.space import load

SPACE = """
family: cnn
smallest_image: 4
hyperparameters:
  train.epochs: {type: int, low: 1, high: 9}
  model.num_conv_layers: {type: int, low: 0, high: 5}
first_points:
  - {train.epochs: 1, model.num_conv_layers: 2}
  - {train.epochs: 9, model.num_conv_layers: 5}
  - {train.epochs: 2, model.num_conv_layers: 1}
  - {train.epochs: 3, model.num_conv_layers: 2}
"""


def test_first_points_by_falling_work_and_last_what_does_not_fit(tmp_path: Path) -> None:
    (tmp_path / "space.yaml").write_text(SPACE)
    space = load(tmp_path / "space.yaml")
    ordered = longest_first(space, (1, 8, 8), 10)
    assert [point["train.epochs"] for point in ordered.first_points] == [3, 1, 2, 9]
    assert ordered.canonical() == space.canonical()


@pytest.mark.parametrize(
    ("budget", "all_tried"),
    [
        ({"trials": 4}, True),
        ({"trials": 3}, False),
        ({"trials": 4, "time_limit_minutes": 1}, False),
        ({"until": "plateau"}, False),
    ],
)
def test_only_a_budget_for_all_of_them_lets_their_order_change(budget: dict[str, Any], all_tried: bool, tmp_path: Path) -> None:
    (tmp_path / "space.yaml").write_text(SPACE)
    params = SearchParams(**{"trials": None, **budget})
    assert all_are_tried(load(tmp_path / "space.yaml"), params) is all_tried
