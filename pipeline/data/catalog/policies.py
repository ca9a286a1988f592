"""What params.yaml says about images and classes that are not as they should be, done to the catalog or said as errors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pandas as pd

from pipeline.data.catalog.labels import Similar, similar
from pipeline.data.catalog.settings import IngestParams
from pipeline.data.catalog.table import Catalog, printable
from pipeline.errors import (
    ClassTooSmall,
    ContradictoryLabels,
    ConvoyError,
    EmptyClass,
    NoImages,
    OneClass,
    SimilarLabels,
    UnreadableImages,
)

OTHER = "other"  # the class that too small classes are merged into

_NAMED = 3  # examples in a line


@dataclass(frozen=True, eq=False)
class Outcome:
    """The catalog as it is used; what is wrong; what was done, one line each; label → the label it became.

    contradictions: digest, path, label of every image whose pixels also carry another label, also of those left out.
    """

    catalog: Catalog
    problems: list[ConvoyError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)
    contradictions: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["digest", "path", "label"]))


Policy = Callable[[Catalog, IngestParams], Outcome]


def settle(catalog: Catalog, params: IngestParams, published: bool = False) -> Outcome:
    """Every policy in turn: spelling first, since it decides what a class is; small classes when no more images leave.

    published: the labels are those of a named set, so that alike ones (castle and cattle in CIFAR-100) are meant.
    """
    outcome = Outcome(catalog)
    if catalog.images.empty and catalog.rejects.empty:
        empty = NoImages("no images", where="ingest.path", why="the class folders are empty", remedy="put images there")
        return replace(outcome, problems=[empty])
    for policy in [policy for policy in POLICIES if not (published and policy is _similar_labels)]:
        outcome = _then(outcome, policy(outcome.catalog, params))
    return outcome


def _then(before: Outcome, step: Outcome) -> Outcome:
    renamed = {**{old: step.renamed.get(new, new) for old, new in before.renamed.items()}, **step.renamed}
    found = before.contradictions if step.contradictions.empty else step.contradictions
    return Outcome(step.catalog, before.problems + step.problems, before.notes + step.notes, renamed, found)


def _contradictory(images: pd.DataFrame) -> pd.DataFrame:
    """Sorted by digest and path."""
    labels = images.groupby("digest")["label"].nunique()
    several = images["digest"].isin(labels.index[labels > 1])
    return images.loc[several, ["digest", "path", "label"]].sort_values(["digest", "path"], ignore_index=True)


def _bad_images(catalog: Catalog, params: IngestParams) -> Outcome:
    rejected, total = len(catalog.rejects), len(catalog.rejects) + len(catalog.images)
    allowed = params.bad_image_share * total if params.on_bad_image == "skip" else 0
    if rejected <= allowed:
        return Outcome(catalog)
    reasons = ", ".join(f"{count} {reason}" for reason, count in Counter(catalog.reason_codes()).most_common(3))
    first = printable(catalog.rejects["path"].iloc[0])
    if params.on_bad_image == "fail":
        remedy = "repair or remove them, or set ingest.on_bad_image: skip"
    else:
        remedy = f"repair them, or raise ingest.bad_image_share (now {params.bad_image_share:g})"
    what = f"{rejected} of {total} images cannot be read"
    return Outcome(catalog, [UnreadableImages(what, where=first, why=reasons, remedy=remedy)])


def _similar_labels(catalog: Catalog, params: IngestParams) -> Outcome:
    images = Counter(catalog.images["label"])
    counts = {name: images[name] for name in catalog.classes}
    groups = similar(counts)
    if params.on_similar_labels == "fail":
        return Outcome(catalog, [_alike(group, counts) for group in groups])
    if params.on_similar_labels == "keep":
        return Outcome(catalog, notes=[f"kept apart, though they look the same: {_listed(group, counts)}" for group in groups])
    renamed = {label: group.canonical for group in groups for label in group.labels if label != group.canonical}
    notes = [f"merged into {group.canonical!r} (they differ in {group.how}): {_listed(group, counts)}" for group in groups]
    return Outcome(_relabelled(catalog, renamed), notes=notes, renamed=renamed)


def _alike(group: Similar, counts: dict[str, int]) -> ConvoyError:
    what = f"the classes {_listed(group, counts)} look the same"
    remedy = "rename their folders, or set ingest.on_similar_labels: merge or keep"
    return SimilarLabels(what, why=f"they differ in {group.how}", remedy=remedy)


def _listed(group: Similar, counts: dict[str, int]) -> str:
    written = ascii if "Unicode" in group.how or "invisible" in group.how else repr  # only escapes tell such twins apart
    return _some([f"{written(label)} ({counts[label]})" for label in group.labels])


def _contradictions(catalog: Catalog, params: IngestParams) -> Outcome:
    found = _contradictory(catalog.images)
    if found.empty:
        return Outcome(catalog)
    share = len(found) / len(catalog.images)
    pictures = _number(found["digest"].nunique(), "picture", "pictures")
    if share > params.contradiction_share or params.on_contradiction == "fail":
        return Outcome(catalog, [_too_contradictory(found, len(catalog.images), params)], contradictions=found)
    examples = f"{len(found)} images of {pictures} under two labels, such as {_two(found)}"
    if params.on_contradiction == "keep":
        return Outcome(catalog, notes=[f"kept: {examples}"], contradictions=found)
    unwanted = catalog.images["digest"].isin(found["digest"])
    return Outcome(catalog.without(unwanted, "contradiction"), notes=[f"left out: {examples}"], contradictions=found)


def _too_contradictory(found: pd.DataFrame, total: int, params: IngestParams) -> ConvoyError:
    what = f"{len(found)} of {total} images carry a second label"
    if params.on_contradiction == "fail":
        remedy = "correct them (contradictions.csv), or set ingest.on_contradiction: drop or keep"
    else:
        remedy = f"correct them (contradictions.csv), or raise ingest.contradiction_share ({params.contradiction_share:g})"
    return ContradictoryLabels(what, why=f"same pixels: {_two(found)}", remedy=remedy)


def _two(found: pd.DataFrame) -> str:
    """The first picture under its first two labels."""
    same = found[found["digest"] == found["digest"].iloc[0]].drop_duplicates("label").head(2)
    return " and ".join(printable(path) for path in same["path"])


def _small_classes(catalog: Catalog, params: IngestParams) -> Outcome:
    distinct = _distinct(catalog)
    small = [name for name in catalog.classes if distinct[name] < params.smallest_class]
    if not small or params.on_small_class == "fail":
        return Outcome(catalog, [_too_small(name, distinct[name], catalog, params) for name in small])
    named = _some([f"{name!r} ({distinct[name]})" for name in small])
    few = f"{_number(len(small), 'class', 'classes')} with fewer than {params.smallest_class} distinct images: {named}"
    if params.on_small_class == "drop":
        kept = replace(catalog, classes=[name for name in catalog.classes if name not in small])
        unwanted = catalog.images["label"].isin(small)
        return Outcome(kept.without(unwanted, "small-class"), notes=[f"left out {few}"])
    renamed = {name: OTHER for name in small if name != OTHER}
    merged = _relabelled(catalog, renamed)
    together = _distinct(merged)[OTHER]
    problems = [_too_small(OTHER, together, merged, params)] if together < params.smallest_class else []
    return Outcome(merged, problems, [f"merged into {OTHER!r}: {few}"], renamed)


def _too_small(name: str, count: int, catalog: Catalog, params: IngestParams) -> ConvoyError:
    remedy = "add images, remove the folder, or set ingest.on_small_class: drop"
    if count == 0:
        rejected = int((catalog.rejects["label"] == name).sum())
        return EmptyClass(f"class {name!r} is empty", why=f"0 readable images, {rejected} unreadable", remedy=remedy)
    why = f"{count} distinct images, at least {params.smallest_class} are needed (train, val and test each need one)"
    return ClassTooSmall(f"class {name!r} is too small", why=why, remedy=remedy)


def _enough_classes(catalog: Catalog, _params: IngestParams) -> Outcome:
    if len(catalog.classes) >= 2:
        return Outcome(catalog)
    why = f"there is {len(catalog.classes)}: {', '.join(catalog.classes)}" if catalog.classes else "there is none"
    return Outcome(
        catalog, [OneClass("at least 2 classes are needed", where="ingest.path", why=why, remedy="add a folder a class")]
    )


def _distinct(catalog: Catalog) -> dict[str, int]:
    counts = catalog.images.groupby("label")["digest"].nunique().to_dict()
    return {name: int(counts.get(name, 0)) for name in catalog.classes}


def _relabelled(catalog: Catalog, renamed: dict[str, str]) -> Catalog:
    if not renamed:
        return catalog
    images, rejects = (
        frame.assign(label=frame["label"].map(lambda label: renamed.get(label, label)).astype("str"))
        for frame in (catalog.images, catalog.rejects)
    )
    return replace(catalog, images=images, rejects=rejects, classes=sorted({renamed.get(name, name) for name in catalog.classes}))


def _number(count: int, one: str, several: str) -> str:
    return f"{count} {one if count == 1 else several}"


def _some(examples: list[str]) -> str:
    rest = f" and {len(examples) - _NAMED} more" if len(examples) > _NAMED else ""
    return ", ".join(examples[:_NAMED]) + rest


POLICIES: tuple[Policy, ...] = (_bad_images, _similar_labels, _contradictions, _small_classes, _enough_classes)
