"""What the stages before refit leave behind, made small: three classes of 8×8 images told apart by where they are bright."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.data.duplicates.clusters import NearPairs
from pipeline.data.images.decoding import Decoding
from pipeline.data.preparation import packed
from pipeline.data.preparation.packed import Packed
from pipeline.data.preparation.recipe import Recipe
from pipeline.data.preparation.steps import Resize
from pipeline.data.split.assign import divide
from pipeline.data.split.certificate import certify
from pipeline.data.split.settings import SplitParams
from pipeline.data.split.table import to_bytes

CLASSES = ("bottom", "middle", "top, $x$")
COUNTS = {"train": 60, "val": 24, "test": 30}
WINNER = {
    "family": "cnn",
    "study_id": "abcdef0123456789",
    "metric": "val_accuracy",
    "value": 0.96,
    "trial_key": "abcdef01-0003",
    "trial_number": 3,
    "hyperparameters": {
        "model.num_conv_layers": 1,
        "model.filters": 8,
        "model.num_dense_layers": 0,
        "train.epochs": 4,
        "train.batch_size": 16,
        "train.learning_rate": 0.02,
    },
    "selection": {
        "metric": "val_accuracy",
        "chosen_trial": 3,
        "search": {"trial": 5, "value": 1.0, "completed_trials": 7},
        "reselection": {
            "seeds": 2,
            "scored_on": "val",
            "images": 24,
            "confidence": 0.95,
            "value": 0.9375,
            "low": 0.8542,
            "high": 1.0,
            "tied_with": [5],
            "search_optimism": 0.125,
            "choice_optimism": 0.0125,
            "candidates": [
                {
                    "trial_number": number,
                    "trial_key": f"abcdef01-{number:04d}",
                    "parameters": 500,
                    "search_value": search,
                    "values": [value, value],
                    "value": value,
                    "low": value - 0.1,
                    "high": 1.0,
                    "behind_low": -0.05 if value < 0.9 else 0.0,
                    "behind_high": 0.15 if value < 0.9 else 0.0,
                    "tied": True,
                }
                for number, search, value in ((3, 0.96, 0.9375), (5, 1.0, 0.875))
            ],
            "left_out": [{"trial_number": 6, "why": "diverged with seed 1"}],
            "notes": [{"trial_number": 5, "note": "16 images at a time"}],
        },
    },
}


def images_of(labels: np.ndarray, rng: np.random.Generator, side: int = 8, noise: int = 98) -> np.ndarray:
    """uint8 N×1×side×side: grey with noise, and a brighter band whose height says the class."""
    images = rng.integers(98 - noise, 98 + noise, (len(labels), 1, side, side), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[:, (2 - label) * side // 3 : (3 - label) * side // 3] += 60
    return images


def write_processed(folder: Path, seed: int = 0) -> Recipe:
    """data/processed as preprocess writes it."""
    rng = np.random.default_rng(seed)
    digests = {}
    for split, count in COUNTS.items():
        labels = np.arange(count, dtype=np.int64) % len(CLASSES)
        rows = Packed(images_of(labels, rng), labels, [f"{split}{row:04d}" for row in range(count)])
        files = dict(packed.to_files([rows]))
        for name, content in files.items():
            (folder / "data/processed" / split).mkdir(parents=True, exist_ok=True)
            (folder / "data/processed" / split / name).write_bytes(content)
        digests[split] = packed.digest(files)
    seal = {"count": COUNTS["test"], "digest": digests.pop("test")}
    (folder / "data/processed/test/seal.json").write_text(json.dumps(seal))
    recipe = Recipe(
        source="bands",
        kind="unknown",
        classes=CLASSES,
        decode=Decoding(),
        channels=1,
        image_size=8,
        steps=(Resize(fit="stretch"),),
        mean=(0.4,),
        std=(0.25,),
        class_weights=None,
        counts={split: COUNTS[split] for split in digests},
        digests=digests,
    )
    (folder / "data/processed/recipe.json").write_bytes(recipe.to_bytes())
    write_certified_split(folder)
    return recipe


def write_certified_split(folder: Path) -> None:
    """data/splits and the certificate as split writes them, for the digests of write_processed."""
    rows = [(f"{split}{row:04d}", CLASSES[row % 3], split) for split, count in COUNTS.items() for row in range(count)]
    images = pd.DataFrame(rows, columns=["digest", "label", "split"])
    division = divide(images, SplitParams())
    none = np.empty(0, dtype=np.int64)
    proof = certify(images, division, SplitParams(), NearPairs(0.1, 0.0, none, none, np.empty(0, dtype=np.float32)))
    for file, content in {
        "data/splits/splits.parquet": to_bytes(division.splits),
        "reports/split_certificate.json": json.dumps(proof).encode(),
    }.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(content)


def write_winner(folder: Path) -> None:
    """results/search/best.yaml as search writes it (JSON is YAML)."""
    (folder / "results/search").mkdir(parents=True, exist_ok=True)
    (folder / "results/search/best.yaml").write_text(json.dumps(WINNER))
