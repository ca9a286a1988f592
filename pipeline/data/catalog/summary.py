"""What the catalog holds, as values for the stages that follow and as ten lines for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from pipeline.data.catalog.policies import Outcome
from pipeline.data.catalog.settings import IngestParams
from pipeline.data.catalog.table import SPLITS, Catalog
from pipeline.data.sources.source import Source

_LISTED = 6  # entries of a line; summary.json has all


def summarized(outcome: Outcome, source: Source, params: IngestParams) -> dict[str, Any]:
    """What preprocess needs to open the same source again, and every count."""
    catalog = outcome.catalog
    images = catalog.images
    return {
        "name": source.name,
        "source": params.source,
        "path": params.path,
        "decode": params.decode.model_dump(),
        "kind": source.kind if params.kind == "auto" else params.kind,
        "classes": catalog.classes,
        "images": len(images),
        "distinct": int(images["digest"].nunique()),
        "rejects": len(catalog.rejects),
        "reasons": _counted(catalog.reason_codes()),
        "ignored": dict(sorted(source.ignored().items())),
        "labels": _labels(catalog),
        "renamed": dict(sorted(outcome.renamed.items())),
        "contradictions": len(outcome.contradictions),
        "splits": {name: int((images["split"] == name).sum()) for name in SPLITS},
        "groups": int(images["group"].nunique()),
        "bytes": {"total": int(images["bytes"].sum()), **_spread(images["bytes"])},
        "width": _spread(images["width"]),
        "height": _spread(images["height"]),
        "modes": _counted(images["mode"]),
        "conversions": dict(
            sorted(Counter(code for codes in images["conversions"] for code in codes.split(",") if code).items())
        ),
        "notes": outcome.notes,
    }


def lines(summary: Mapping[str, Any]) -> list[str]:
    """Ten lines; of long lists the largest entries."""
    labels = {name: counts["images"] for name, counts in summary["labels"].items()}
    copies = {name: counts["images"] - counts["distinct"] for name, counts in summary["labels"].items()}
    largest, least = max(labels.values(), default=0), min(labels.values(), default=0)
    redundant = summary["images"] - summary["distinct"]
    given = {name: count for name, count in summary["splits"].items() if count}
    return [
        f"set             {summary['name']}, {summary['kind']}: {_size(summary['bytes']['total'])} from {summary['source']}",
        f"images          {summary['images']:,}, {summary['distinct']:,} of them distinct",
        f"classes         {len(labels):,}, {_times(largest, least)}: {_largest(labels)}",
        f"width × height  {_range(summary['width'])} × {_range(summary['height'])} pixels",
        f"modes           {_largest(summary['modes'])}",
        f"conversions     {_largest(summary['conversions'])}",
        f"duplicates      {redundant:,}{_in_classes(copies)}",
        f"contradictions  {summary['contradictions']:,}, {summary['reasons'].get('contradiction', 0):,} of them left out",
        f"left out        {summary['rejects']:,}: {_largest(summary['reasons'])}; passed over: {_largest(summary['ignored'])}",
        f"given           splits: {_largest(given)}; groups: {summary['groups'] or 'none'}",
    ]


def _labels(catalog: Catalog) -> dict[str, dict[str, int]]:
    distinct = catalog.images.groupby("label")["digest"].nunique().to_dict()
    images = Counter(catalog.images["label"])
    return {name: {"images": images[name], "distinct": int(distinct.get(name, 0))} for name in catalog.classes}


def _counted(column: Iterable[object]) -> dict[str, int]:
    return {str(value): int(count) for value, count in sorted(Counter(column).items())}


def _spread(column: pd.Series[Any]) -> dict[str, int]:
    if column.empty:
        return {"least": 0, "median": 0, "most": 0}
    return {"least": int(column.min()), "median": int(column.median()), "most": int(column.max())}


def _largest(counts: Mapping[str, int]) -> str:
    ranked = sorted((item for item in counts.items() if item[1]), key=lambda item: (-item[1], item[0]))
    rest = f" and {len(ranked) - _LISTED:,} more" if len(ranked) > _LISTED else ""
    return ", ".join(f"{name} {count:,}" for name, count in ranked[:_LISTED]) + rest or "none"


def _in_classes(copies: Mapping[str, int]) -> str:
    return f": {_largest(copies)}" if any(copies.values()) else ""


def _times(largest: int, least: int) -> str:
    return f"the largest has {largest / least:.1f} times the smallest" if least else "not balanced"


def _range(spread: Mapping[str, int]) -> str:
    if spread["least"] == spread["most"]:
        return f"{spread['most']:,}"
    return f"{spread['least']:,}–{spread['most']:,} (median {spread['median']:,})"


def _size(count: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count} bytes"
