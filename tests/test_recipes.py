"""The code that the pages on extending show does what they say of it."""

from __future__ import annotations

import re
import textwrap
from typing import Any

import optuna
import pytest

from pipeline.models.layers import layer_table
from tests.repository import REPOSITORY


def _shown(page: str) -> dict[str, Any]:
    """What the one block of Python in this page defines."""
    (block,) = re.findall(r"^ *```python\n(.*?)^ *```$", (REPOSITORY / "docs" / page).read_text(), re.DOTALL | re.MULTILINE)
    module: dict[str, Any] = {"__name__": f"shown in {page}"}
    exec(compile(textwrap.dedent(block), page, "exec", dont_inherit=True), module)
    return module


@pytest.mark.parametrize(("classes", "last"), [(2, 1), (10, 10)])
def test_the_family_of_the_recipe_is_one(classes: int, last: int) -> None:
    family = _shown("adding-a-family.md")
    point = family["Hyperparameters"](num_dense_layers=2, dense_units=8)
    rows = layer_table(family["layers"](point, classes), (3, 16, 16))
    assert rows[-1].output == (last,) and sum(row.parameters for row in rows) == 769 * 8 + 9 * 8 + 9 * last


def test_the_sampler_of_the_recipe_learns_and_a_restart_changes_nothing() -> None:
    single = _shown("searching.md")["Single"](startup_trials=4)

    def suggested() -> list[float]:
        study = optuna.create_study()
        for number in range(24):
            study.sampler = single.build(0, number)
            trial = study.ask()
            study.tell(trial, abs(trial.suggest_float("rate", 0.0, 1.0) - 0.7))
        return [trial.params["rate"] for trial in study.trials]

    once = suggested()
    assert once == suggested() and len(set(once)) == 24
    assert sum(abs(rate - 0.7) for rate in once[12:]) < sum(abs(rate - 0.7) for rate in once[:12])
