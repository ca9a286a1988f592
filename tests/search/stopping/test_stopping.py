from __future__ import annotations

import pytest

from pipeline.errors import UnknownName
from pipeline.search.settings import SearchParams
from pipeline.search.stopping import RULES, stopping
from pipeline.search.stopping.asha import Asha


@pytest.mark.parametrize("name", RULES)
def test_rules_are_found_by_name_with_their_defaults(name: str) -> None:
    assert stopping(name) == RULES[name]()


def test_an_unknown_rule_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownName, match="did you mean asha"):
        stopping("ashe")


@pytest.mark.parametrize("name", RULES)
def test_every_rule_can_be_chosen_and_has_its_section(name: str) -> None:
    params = SearchParams.model_validate({"stopping": name})
    assert stopping(params.stopping, params.rule()) == RULES[name]()


def test_a_rule_has_the_options_of_its_section() -> None:
    params = SearchParams.model_validate({"stopping": "asha", "asha": {"reduction": 4}})
    assert stopping(params.stopping, params.rule()) == Asha(reduction=4)
