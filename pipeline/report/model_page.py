"""The report on a model as one HTML file, for people: the answer first, then the search, the test and how to have it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from pipeline.measurement import Measurement
from pipeline.report.against import UNDECIDED
from pipeline.report.answer import Search, answer
from pipeline.report.judged import Looked, judged
from pipeline.report.model_template import STYLE, TEMPLATE
from pipeline.report.searched import searched
from pipeline.report.theme import PRINT
from pipeline.report.theme import STYLE as THEME

Values = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Model:
    """facts: model.json; refit: its train loss after each epoch; multiply_adds: of one image."""

    facts: Values
    refit: Sequence[float]
    multiply_adds: int


def model_page(
    model: Model,
    search: Search,
    measured: Measurement,
    metrics: Values,
    looked: Sequence[Looked],
    names: Mapping[str, str],
    certificate: Values,
) -> str:
    """The page; metrics: metrics.json; names: digest → file of the test images; certificate: split_certificate.json.

    The same values give the same text.
    """
    facts, study = model.facts, search.study
    recipe = facts["recipe"]
    counts = {**recipe["counts"], "test": len(measured.test)}
    values = {
        "style": Markup(THEME + STYLE + PRINT),  # noqa: S704 our own constants
        "undecided": UNDECIDED,
        "answer": answer(facts, metrics, search, model.multiply_adds),
        "search": searched(search, facts, model.refit),
        "test": judged(measured, names, looked, metrics["confidence"]),
        "metric": study["metric"],
        "accuracy": f"{metrics['test_accuracy']:.4f}",
        "study_id": facts["study_id"],
        "data": {
            "source": recipe["source"],
            "images": ", ".join(f"{count:,} {side}" for side, count in counts.items()),
            "classes": facts["classes"],
            "shape": f"{recipe['channels']}×{recipe['image_size']}×{recipe['image_size']}",
        },
        "certificate": certificate,
        "commit": study["facts"].get("commit", ""),
        "uncommitted": study["facts"].get("uncommitted changes") == "yes",
        "digests": {
            "model": metrics["model_digest"],
            "train images": recipe["digests"]["train"],
            "val images": recipe["digests"]["val"],
            "test images": metrics["test_digest"],
            "split certificate": certificate["digest"],
        },
        "seed": facts["seed"],
    }
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.from_string(TEMPLATE).render(values)
