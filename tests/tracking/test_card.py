"""The card says what the files say, and nothing in a name becomes Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline import artifacts
from pipeline.tracking.card import LONGEST, card


def made(**changed: Any) -> str:
    facts = artifacts.read_json(Path("model/model.json"))
    facts |= {name: value for name, value in changed.items() if name in facts}
    rest = {
        "cost": {"latency_ms": 0.25, "megabytes": 1.5, "parameters": 500},
        "alias": "challenger",
        "reason": "worse | by chance",
        "looks": 3,
        "licence": "CC-BY-4.0",
        "commit": "0" * 40,
    }
    rest |= {name: value for name, value in changed.items() if name in rest}
    return card("convoy-bands", "7", facts, artifacts.read_json(Path("results/evaluation/metrics.json")), **rest)  # type: ignore[arg-type]


def test_the_card_tells_what_it_is_how_good_by_what_and_how_to_have_it(project: Path) -> None:
    test = artifacts.read_json(Path("results/evaluation/metrics.json"))
    text = made()
    assert text.startswith("# convoy-bands version 7\n")
    for words in (
        "3 classes apart: bottom, middle, top, $x$",
        "**Licence**: CC-BY-4.0",
        "challenger; worse \\| by chance",
        "images of any size in grey, made 8×8 inside the model",
        "0.25 ms an image",
        f"| accuracy | {test['test_accuracy']:.4f} ({test['test_accuracy_low']:.4f}–{test['test_accuracy_high']:.4f}) |",
        "3 models were measured on these test images so far",
        "trained on 60 train and 24 val images",
        "`train.learning_rate=0.02`",
        "study `abcdef0123456789`",
        "`convoy history convoy-bands`. The same model made again: `convoy rebuild convoy-bands/7`.",
    ):
        assert words in text
    assert "Preparation: resize stretch\n" in text and "model.num_dense_layers" not in text and "\n\n\n" not in text


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"licence": None}, "**Licence**: not stated"),
        ({"looks": 1}, "1 model was measured on these test images so far"),
        ({"classes": ["<b>", "a|b"]}, r"2 classes apart: \<b\>, a\|b."),
        ({"classes": [f"class {number}" for number in range(1000)]}, "class 39, and 960 more."),
    ],
)
def test_what_is_missing_strange_or_too_long_is_said(project: Path, changed: dict[str, Any], told: str) -> None:
    assert told in made(**changed) and len(made(**changed)) <= LONGEST
