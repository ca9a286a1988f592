"""The pages of a report on paper: light whatever the screen is, nothing beside the sheet, nothing that only a screen can do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser import opened

SHEET = 695  # CSS pixels between the margins of an A4 sheet
WIDER = """() => [...document.querySelectorAll('main *')].filter((one) => one.getBoundingClientRect().right > innerWidth + 1
  || (one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).overflowX !== 'visible'))
  .map((one) => one.outerHTML.slice(0, 90))"""
SHOWN = "() => [...document.querySelectorAll('nav, .on-screen, #says, #choices')].filter((one) => one.offsetHeight).length"


@pytest.mark.parametrize("name", ["report", "explainer"])
def test_a_printed_page_is_light_and_whole_and_offers_nothing_to_press(finished_project: Path, name: str) -> None:
    with opened(SHEET, 1000) as (page, errors):
        page.goto((finished_project / f"results/evaluation/{name}.html").as_uri())
        page.emulate_media(media="print", color_scheme="dark")

        assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert page.evaluate("() => getComputedStyle(document.documentElement).getPropertyValue('--card')") == "#fff"
        assert (page.evaluate(WIDER), page.evaluate(SHOWN), errors) == ([], 0, [])
