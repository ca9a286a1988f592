"""Split: decide for every distinct image whether it trains, validates or tests."""

from __future__ import annotations

from pipeline import artifacts, layout
from pipeline.data.catalog.table import read_images
from pipeline.data.split.assign import SplitParams, assign, certificate, to_bytes


def run(params: SplitParams) -> None:
    """Write data/splits: splits.parquet (digest, split) and certificate.json."""
    images = read_images(artifacts.read_bytes(layout.CATALOG / "catalog.parquet"))
    splits = assign(images, params)
    proof = certificate(images, splits, params)
    artifacts.write_bytes(layout.SPLITS / "splits.parquet", to_bytes(splits))
    artifacts.write_json(layout.SPLITS / "certificate.json", proof)
    print("split: " + ", ".join(f"{count} {name}" for name, count in proof["images"].items()))
    if proof["ranked_classes"]:
        print(f"split: too small for thresholds, ranked instead: {', '.join(proof['ranked_classes'])}")
    if proof["shared_across_given_splits"]:
        print(f"split: {proof['shared_across_given_splits']} images stood in several given splits; each is now in the strictest")
