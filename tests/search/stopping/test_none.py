from __future__ import annotations

from pipeline.search.stopping.none import NoStopping
from tests.search.stopping.contract import RuleContract, all_decisions, some_study


class TestNoStopping(RuleContract):
    rule = NoStopping()


def test_nobody_is_stopped() -> None:
    assert not any(any(said) for said in all_decisions(NoStopping(), some_study(), "maximize").values())
