"""The page that explains a network: whole, with nothing fetched, and its script runs in a browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.projects import CLASSES
from tests.report.test_certificate_page import Tags

PAGE = Path("results/evaluation/explainer.html")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture
def page(project: Path) -> str:
    return PAGE.read_text()


def test_the_page_is_whole_and_fetches_nothing(page: str) -> None:
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert not re.search(r"https?:|url\((?!#)|@import|fetch\(|import\(", page)
    assert {address for address in tags.addresses if not address.startswith("#")} == {"report.html"}
    assert "default-src 'none'" in page and "connect-src" not in page


def test_the_table_has_every_layer_with_its_numbers_filled_in(page: str) -> None:
    assert "⌊(8 + 2·1 − 1·(3−1) − 1) / 1⌋ + 1 = 8; 8 filters" in page
    assert "8·(1·3² + 1) = 80" in page and "8·8·8·1·3² = 4,608" in page


def test_names_cannot_end_the_numbers_of_the_script(page: str) -> None:
    told = page[page.index('id="lesson">') + len('id="lesson">') :].partition("</script>")[0]
    assert json.loads(told)["classes"] == list(CLASSES) and "<" not in told


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium in PATH: the script of the page is not run")
def test_in_a_browser_a_value_is_shown_with_the_multiplication_it_came_from(page: str, tmp_path: Path) -> None:
    assert CHROMIUM is not None
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--virtual-time-budget=2000",
        f"--user-data-dir={tmp_path / 'profile'}",
    ]
    done = subprocess.run([CHROMIUM, *options, "--dump-dom", PAGE.resolve().as_uri()], capture_output=True, text=True, timeout=60)
    shown = done.stdout
    assert 'data-ready="yes"' in shown
    said = shown[shown.index('<div id="says"') : shown.index("</main>")]
    plain = re.sub(r"<table.*?</table>|<b class.*?</b>", "", said)
    numbers = [float(text.replace("−", "-").replace(" ", "")) for text in re.findall(r"[−-]? ?\d+\.\d\d", plain)]
    assert "conv 1" in said and "sees 3×3 pixels" in said
    assert len(numbers) == 3 and sum(numbers[:2]) == pytest.approx(numbers[-1], abs=0.02)
