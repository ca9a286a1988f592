"""Real image sets with defects that are known from elsewhere: what ingest and split find of them, as a table.

    python benchmarks/known_defects.py FOLDER [SET …]

FOLDER holds the sets as archives of class folders, NAME.tar.gz, or as folders of idx files. Each set goes through ingest,
split and preprocess in a project of its own.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from scratch_project import machine, run_stage, scratch_project

STAGES = ("ingest", "split", "preprocess")


@dataclass(frozen=True)
class Outcome:
    """What the stages wrote about one set."""

    images: pd.DataFrame
    rejects: pd.DataFrame
    summary: dict[str, Any]
    splits: pd.DataFrame
    certificate: dict[str, Any]

    def rejected(self, reason: str) -> int:
        """How many images were left out for this reason."""
        return int((self.rejects["reason"] == reason).sum())

    def converted(self, code: str) -> int:
        """How many images went through this conversion."""
        return int(self.images["conversions"].str.split(",").map(lambda codes: code in codes).sum())

    @property
    def redundant(self) -> int:
        """Copies of pixels that are there already."""
        return len(self.images) - self.images["digest"].nunique()

    @property
    def leaks(self) -> dict[str, int]:
        """Kind → digests, groups or clusters that the given splits tear apart, moved or only reported."""
        moved, reported = (self.certificate["leaks"][word] for word in ("moved", "reported"))
        return {kind: moved[kind] + reported[kind] for kind in moved}


@dataclass(frozen=True)
class Defect:
    """What is known of a set, and where Convoy says it."""

    known: str
    found: Callable[[Outcome], str]


@dataclass(frozen=True)
class RealSet:
    """A set, the parameters it needs to pass, and its known defects."""

    name: str
    source: str
    defects: tuple[Defect, ...]
    ingest: dict[str, Any] = field(default_factory=dict)


def _sizes(outcome: Outcome) -> int:
    return int(outcome.images[["width", "height"]].drop_duplicates().shape[0])


def _labels(outcome: Outcome) -> str:
    return " / ".join(str(count) for count in sorted((row["images"] for row in outcome.summary["labels"].values()), reverse=True))


def _turned(outcome: Outcome, side: int) -> str:
    large = outcome.images[(outcome.images["width"] == side) & (outcome.images["height"] == side)]
    turned = large["conversions"].str.contains("orientation-6").sum()
    return f"{len(large)} files of {side}×{side}, {turned} turned upright; sizes: {_sizes(outcome)}"


def _modes(outcome: Outcome) -> str:
    return ", ".join(f"{mode} {count}" for mode, count in outcome.summary["modes"].items())


def _blank(outcome: Outcome) -> str:
    counts = outcome.images["digest"].value_counts()
    return f"largest group of identical pixels: {int(counts.iloc[0])}"


def _wrong_extension(outcome: Outcome) -> str:
    return f"{outcome.converted('extension-mismatch')} of another format than its name says"


def _partners(outcome: Outcome) -> str:
    in_train = set(outcome.splits["cluster"][outcome.splits["split"] == "train"])
    test = outcome.splits[outcome.splits["split"] == "test"]
    count = int(test["cluster"].isin(in_train).sum())
    return f"{count} test images ({100 * count / len(test):.2f} %) are in one cluster with a train image, reported"


SETS = (
    RealSet(
        "sign_digits",
        "archive",
        (Defect("3 files 3024×3024 with EXIF orientation 6, the others 100×100", lambda o: _turned(o, 3024)),),
    ),
    RealSet(
        "flowers5",
        "archive",
        (
            Defect(
                "4 pictures in both rose and tulip",
                lambda o: f"{o.summary['contradictions']} contradictory files, {o.rejected('contradiction')} left out",
            ),
        ),
    ),
    RealSet(
        "trashnet",
        "archive",
        (
            Defect(
                "3 duplicate pairs, all with contradicting labels",
                lambda o: f"{o.summary['contradictions']} contradictory files, {o.rejected('contradiction')} left out",
            ),
        ),
    ),
    RealSet(
        "wbc",
        "archive",
        (
            Defect(
                "176/53/48/22/1: one class has one image",
                lambda o: f"{_labels(o)}; {o.rejected('small-class')} left out with its class",
            ),
            Defect("30 sizes", lambda o: f"{_sizes(o)} sizes"),
        ),
        {"on_small_class": "drop"},
    ),
    RealSet(
        "pneumonia28",
        "archive",
        (
            Defect("3 picture groups in both train and val", lambda o: f"{o.leaks['pixels']} digests on two given sides, moved"),
            Defect("5 duplicates in train", lambda o: f"{o.redundant} redundant files in all"),
        ),
    ),
    RealSet(
        "faces_emotion",
        "archive",
        (
            Defect("modes L and RGB mixed", _modes),
            Defect("6,864 neutral … 21 fear, 9 contempt", _labels),
            Defect("one WebP named .jpg", _wrong_extension),
        ),
    ),
    RealSet("notmnist10k", "idx", (Defect("196 redundant", lambda o: f"{o.redundant} redundant"), Defect("141 blank", _blank))),
    RealSet(
        "cifar10",
        "archive",
        (
            Defect(
                "3.25 % of the test images have a near-duplicate in train (ciFAIR)",
                _partners,
            ),
        ),
    ),
)


def main() -> None:
    """Run the sets and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("sets", nargs="*", help="names; all when none is given")
    options = parser.parse_args()
    print(machine())
    for known in SETS:
        if not options.sets or known.name in options.sets:
            begun = time.monotonic()
            outcome = run(known, options.folder.resolve())
            print(f"\n{known.name}: {len(outcome.images):,} images, {time.monotonic() - begun:.0f} s")
            print(_near_duplicates(outcome))
            for row in _rows(known, outcome):
                print(row, flush=True)


def run(known: RealSet, folder: Path) -> Outcome:
    """The set through the three stages."""
    path = folder / f"{known.name}.tar.gz" if known.source == "archive" else folder / known.name
    changes = {"ingest": {"source": known.source, "path": str(path), **known.ingest}}
    with scratch_project(changes) as project:
        for stage in STAGES:
            run_stage(stage, project)
        return Outcome(
            images=pd.read_parquet(project / "data/catalog/catalog.parquet"),
            rejects=pd.read_csv(project / "data/catalog/rejects.csv"),
            summary=json.loads((project / "data/catalog/summary.json").read_text()),
            splits=pd.read_parquet(project / "data/splits/splits.parquet"),
            certificate=json.loads((project / "reports/split_certificate.json").read_text()),
        )


def _near_duplicates(outcome: Outcome) -> str:
    near = outcome.certificate["near_duplicates"]
    largest = near["largest"][0]["size"] if near["largest"] else 1
    joined = f"{near['images']} images in {near['clusters']} clusters, largest {largest}"
    pairs = f"likeness {near['likeness']:g}, radius {near['radius']:g}, {near['pairs_within_radius']} pairs within"
    return f"near-duplicates: {pairs}, {joined}; certificate holds: {outcome.certificate['holds']}"


def _rows(known: RealSet, outcome: Outcome) -> Iterator[str]:
    for defect in known.defects:
        yield f"| {known.name} | {defect.known} | {defect.found(outcome)} |"


if __name__ == "__main__":
    main()
