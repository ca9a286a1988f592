"""Who may become champion, from the figures alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.paired import Paired
from pipeline.tracking.gate import Cost, judge, over_limits
from pipeline.tracking.settings import RegisterLimits, RegisterParams

EQUAL = Paired(
    n=1000,
    first=0.9,
    second=0.9,
    difference=0.0,
    low=-0.01,
    high=0.01,
    confidence=0.95,
    only_first=20,
    only_second=20,
    p_value=1.0,
)
WORSE = replace(EQUAL, difference=-0.01, low=-0.03, high=0.01, p_value=0.4)
LUCKY = replace(EQUAL, difference=0.01, low=-0.005, high=0.025, p_value=0.2)
FEW = replace(EQUAL, difference=0.004, low=0.001, high=0.008, only_first=4, only_second=0, p_value=0.125)
SURE = replace(EQUAL, difference=0.03, low=0.012, high=0.048, p_value=0.001)


@pytest.mark.parametrize(
    ("rule", "margin", "paired", "alias"),
    [
        ("no-worse", 0.0, EQUAL, "champion"),
        ("no-worse", 0.0, LUCKY, "champion"),
        ("no-worse", 0.0, WORSE, "challenger"),
        ("no-worse", 0.01, WORSE, "champion"),
        ("no-worse", 0.009, WORSE, "challenger"),
        ("better", 0.0, EQUAL, "challenger"),
        ("better", 0.0, LUCKY, "challenger"),
        ("better", 0.0, FEW, "challenger"),  # the bootstrap is sure of four images, the exact test is not
        ("better", 0.0, SURE, "champion"),
        ("better", 0.012, SURE, "challenger"),
    ],
)
def test_the_alias_follows_from_rule_margin_and_figures(rule: str, margin: float, paired: Paired, alias: str) -> None:
    verdict = judge(paired, "7", RegisterParams.model_validate({"rule": rule, "margin": margin}))
    assert verdict.alias == alias
    assert "champion version 7 has 0.9000" in verdict.reason and f"p = {paired.p_value:.2g}" in verdict.reason
    assert f"{paired.low:+.4f} to {paired.high:+.4f}" in verdict.reason


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ({}, ""),
        ({"latency_ms": 2.0, "megabytes": 0.5, "parameters": 1000}, ""),
        ({"latency_ms": 1.9}, "latency_ms 2 is over the limit of 1.9"),
        (
            {"megabytes": 0.4, "parameters": 999},
            "megabytes 0.5 is over the limit of 0.4, parameters 1000 is over the limit of 999",
        ),
    ],
)
def test_what_is_over_a_limit_is_named(limits: dict[str, float], told: str) -> None:
    assert over_limits(Cost(latency_ms=2.0, megabytes=0.5, parameters=1000), RegisterLimits.model_validate(limits)) == told
