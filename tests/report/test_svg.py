from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from pipeline.report import svg


def drawn(label: str = "a < chart") -> str:
    with svg.chart(label) as figure:
        figure.axes.plot([1, 2, 3], [1, 4, 9], label="<b> & $x$")
        figure.axes.legend()
    return str(figure.markup)


def test_a_chart_is_an_element_in_the_colours_of_the_page_that_says_what_it_shows() -> None:
    element = drawn()
    assert ET.fromstring(element).get("aria-label") == "a < chart"
    assert "var(--first)" in element and "var(--ink)" in element
    assert not set(svg._PROPERTIES) & set(re.findall("#[0-9a-f]{6}", element))
    assert "<b>" not in element and "&lt;b&gt; &amp; $x$" in element


def test_it_names_no_address_and_the_same_values_give_the_same_text() -> None:
    assert "http" not in drawn() and drawn() == drawn()


def test_two_charts_share_no_name() -> None:
    names = [set(re.findall(r' id="([^"]+)"', drawn(label))) for label in ("one", "two")]
    assert names[0] and not names[0] & names[1]
