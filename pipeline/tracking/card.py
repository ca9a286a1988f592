"""The model card: what a registered version is, how good, by which data and code, in Markdown, from facts alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, StrictUndefined

LONGEST = 5000  # characters of a version's description that every store of MLflow takes
_CLASSES = 40  # named; all of them are in model.json
_OFF = (0, "none")  # False is 0 too
_METRICS = ("accuracy", "precision_macro", "recall_macro", "f1_macro", "loss")

_TEMPLATE = """\
# {{ name }} version {{ version }}

A convolutional network (`{{ facts.family }}`, {{ "{:,}".format(facts.parameters) }} parameters) that tells \
{{ classes|length }} classes apart: {{ shown|join(", ") }}{{ ", and %d more"|format(others) if others }}.

- **Licence**: {{ licence or "not stated" }}
- **At its registration**: {{ alias }}; {{ reason }}
- **Input**: images of any size in {{ "grey" if recipe.channels == 1 else "colour" }}, made \
{{ recipe.image_size }}×{{ recipe.image_size }} inside the model
- **Cost**: {{ "%.2f"|format(cost.latency_ms) }} ms an image on the CPU that registered it, {{ "%.2f"|format(cost.megabytes) }} MB

## How good

On the {{ test.n }} images of the sealed test split; in brackets the {{ "{:.0%}".format(test.confidence) }} interval.

| Metric | Value |
|---|---|
{% for metric in metrics %}
| {{ metric }} | {{ "%.4f"|format(test["test_" ~ metric]) }} ({{ "%.4f"|format(test["test_" ~ metric ~ "_low"]) }}\
–{{ "%.4f"|format(test["test_" ~ metric ~ "_high"]) }}) |
{% endfor %}

{{ looks }} {{ "model was" if looks == 1 else "models were" }} measured on these test images so far, this one included; the more \
there are, the more the best of them owes to luck. How it does on images that were not taken like these, nobody measured.

## Data

- Source: {{ recipe.source }}; trained on {{ recipe.counts.train }} train and {{ recipe.counts.val }} val images
- Preparation: {{ steps }}
- Digests: train `{{ recipe.digests.train[:16] }}`, val `{{ recipe.digests.val[:16] }}`, test `{{ test.test_digest[:16] }}`

## Training

- Hyperparameters (those not named are 0, none or false): {{ hyperparameters|join(", ") }}
- Seed {{ facts.seed }}; trial `{{ facts.trial_key }}` of study `{{ facts.study_id }}`; commit `{{ commit }}`

History of its alias: `convoy history {{ name }}`. The same model made again: `convoy rebuild {{ name }}/{{ version }}`.
"""


def card(
    name: str,
    version: str,
    facts: Mapping[str, Any],
    test: Mapping[str, Any],
    *,
    cost: Mapping[str, float],
    alias: str,
    reason: str,
    looks: int,
    licence: str | None,
    commit: str,
) -> str:
    """`facts` is model.json, `test` the metrics of evaluate; `looks` models saw the test images."""
    classes, recipe = [_plain(one) for one in facts["classes"]], facts["recipe"]
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True, autoescape=False)  # noqa: S701 Markdown
    text = environment.from_string(_TEMPLATE).render(
        name=name,
        version=version,
        facts=facts,
        recipe=recipe,
        test=test,
        cost=cost,
        alias=alias,
        reason=_plain(reason),
        looks=looks,
        licence=_plain(licence or ""),
        commit=commit,
        classes=classes,
        shown=classes[:_CLASSES],
        others=len(classes[_CLASSES:]),
        metrics=_METRICS,
        hyperparameters=[f"`{key}={value}`" for key, value in facts["hyperparameters"].items() if value not in _OFF],
        steps=_plain(", ".join(_step(step) for step in recipe["steps"])),
    )
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 2]}…\n"


def _step(step: Mapping[str, Mapping[str, Any]]) -> str:
    """`resize stretch` of {"resize": {"fit": "stretch"}}."""
    return ", ".join(" ".join([name, *map(str, settings.values())]) for name, settings in step.items())


def _plain(text: str) -> str:
    r"""One line without what Markdown or HTML would take for its own."""
    return " ".join("".join(f"\\{sign}" if sign in "\\`*_[]<>|#" else sign for sign in text).split())
