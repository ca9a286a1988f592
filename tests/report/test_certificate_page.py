"""The page shows what the certificate says, escapes every name and needs nothing from outside."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from pipeline.data.duplicates.clusters import NearPairs
from pipeline.data.split.assign import divide
from pipeline.data.split.certificate import certify
from pipeline.data.split.settings import SplitParams
from pipeline.data.split.verify import sealed
from pipeline.report.certificate_page import certificate_page, mentioned
from tests.data.split.catalogs import digests, frame, free, given, made

HOSTILE = "<script>alert('&')</script>"


class Tags(HTMLParser):
    """Opened and not closed tags, and the addresses that a browser would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def certified(leaky: bool) -> dict[str, Any]:
    """A certificate with everything that a page can show."""
    rows = free(**{HOSTILE: 60, "b": 200})
    if leaky:
        rows = given("train", a=50, b=50) + given("test", a=20, b=20)
    names = [digest for _, digest, _ in rows]
    images = frame(rows, dict.fromkeys([names[0], names[-1]], HOSTILE))
    params = SplitParams(folds=3)
    before = divide(frame(rows), params)
    division = divide(images, params, dict.fromkeys(names[:3], names[0]), made(before))
    first, second = np.triu_indices(len(names), 1)
    near = NearPairs(0.2, 1e-5, first, second, np.linspace(0.1, 0.9, len(first)).astype(np.float32))
    return certify(images, division, params, near)


@pytest.mark.parametrize("leaky", [False, True])
def test_the_page_is_whole_and_fetches_nothing(leaky: bool) -> None:
    proof = certified(leaky)
    pictures = {digest: np.full((32, 32, 3), 7, dtype=np.uint8) for digest in mentioned(proof)}
    page = certificate_page(proof, pictures, dict.fromkeys(pictures, HOSTILE))
    tags = Tags()
    tags.feed(page)
    assert tags.open == [] and "script" not in tags.names
    assert tags.addresses and all(address.startswith("data:image/png;base64,") for address in tags.addresses)
    assert not re.search(r"https?://|url\(|@import", page)
    assert "alert(&#39;&amp;&#39;)" in page and HOSTILE not in page
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page


def test_it_shows_counts_pairs_and_digests() -> None:
    proof = certified(leaky=True)
    page = certificate_page(proof, {}, {})
    assert page.count("<figure>") == 20
    assert proof["digest"] in page and proof["digests"]["splits"] in page
    assert ">holds<" in page and "1 groups" in page
    assert all(f"<b>{count:,}</b>" in page for count in proof["images"].values())
    assert certificate_page(certified(leaky=True), {}, {}) == page


def test_it_says_when_the_certificate_does_not_hold() -> None:
    proof = certified(leaky=False)
    page = certificate_page(sealed({**proof, "holds": False, "problems": [f"3 {HOSTILE}"]}), {}, {})
    assert "does not hold" in page and "3 &lt;script&gt;" in page


def test_what_was_not_looked_for_is_not_ticked_off() -> None:
    images = frame(free(a=100, b=100))
    first, second = np.triu_indices(200, 1)
    near = NearPairs(0.0, 0.0, first, second, np.zeros(len(first), dtype=np.float32))
    params = SplitParams(near_duplicates="off")
    page = certificate_page(certify(images, divide(images, params), params, near), {}, {})
    assert "0 identical images on more than one side" in page
    assert "clusters of near-duplicates on more than one side" not in page and "groups on more than one side" not in page
    assert "Near-duplicates were not looked for" in page and "within the radius" not in page


def test_what_is_mentioned_has_its_picture() -> None:
    proof = certified(leaky=False)
    near = proof["near_duplicates"]["nearest_across"][0]
    assert {near["first"], near["second"], digests(HOSTILE, 1)[0]} <= mentioned(proof)
