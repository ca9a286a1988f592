"""The page that explains a network to people: its arithmetic, its filters, and images walking through it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from pipeline.explain import formulas
from pipeline.explain.steps import Step
from pipeline.report.explainer_script import SCRIPT
from pipeline.report.explainer_template import STYLE, TEMPLATE
from pipeline.report.theme import PRINT
from pipeline.report.theme import STYLE as THEME


def explainer_page(
    found: Sequence[Step], lesson: Mapping[str, Any], images: Sequence[Mapping[str, Any]], facts: Mapping[str, Any], digest: str
) -> str:
    """The page; lesson: see explain/lesson.py; images: picture, file, actual, predicted and probabilities of each that it walks.

    facts: model.json. The same values give the same text.
    """
    recipe, classes = facts["recipe"], list(facts["classes"])
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.from_string(TEMPLATE).render(
        style=Markup(THEME + STYLE + PRINT),  # noqa: S704 our own constants
        script=Markup(SCRIPT),  # noqa: S704 our own constant
        lesson=_json({**lesson, "classes": classes, "images": list(images)}),
        source=recipe["source"],
        family=facts["family"],
        digest=digest,
        classes=len(classes),
        shape=_shape(lesson["input"]["shape"]),
        parameters=sum(step.parameters for step in found),
        multiply_adds=sum(step.multiply_adds for step in found),
        has_filters=any(step["kind"] == "conv" and step["source"] == -1 for step in lesson["steps"]),
        rows=[_row(step, part["kind"]) for step, part in zip(found, lesson["steps"], strict=True)],
    )


def _row(step: Step, kind: str) -> dict[str, Any]:
    return {
        "name": step.name,
        "kind": kind,
        "depth": step.depth,
        "input": _shape(step.before),
        "output": _shape(step.after),
        "size": formulas.size(step),
        "parameters": formulas.parameters(step),
        "multiply_adds": formulas.multiply_adds(step),
        "purpose": formulas.purpose(step),
    }


def _shape(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape))


def _json(value: object) -> Markup:
    """JSON that cannot end the element it stands in, whatever the names hold."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704 no `<` is left
