"""What the stages before refit leave behind, made small: three classes of 8×8 images told apart by where they are bright."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from pipeline.data.preparation import packed
from pipeline.data.preparation.packed import Packed
from pipeline.data.preparation.recipe import Recipe

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
        files = packed.to_files(rows)
        for name, content in files.items():
            (folder / "data/processed" / split).mkdir(parents=True, exist_ok=True)
            (folder / "data/processed" / split / name).write_bytes(content)
        digests[split] = packed.digest(files)
    seal = {"count": COUNTS["test"], "digest": digests.pop("test")}
    (folder / "data/processed/test/seal.json").write_text(json.dumps(seal))
    recipe = Recipe(
        source="bands",
        classes=CLASSES,
        channels=1,
        image_size=8,
        fit="stretch",
        denoise="none",
        mean=(0.4,),
        std=(0.25,),
        counts={split: COUNTS[split] for split in digests},
        digests=digests,
    )
    (folder / "data/processed/recipe.json").write_bytes(recipe.to_bytes())
    return recipe


def write_winner(folder: Path) -> None:
    """results/search/best.yaml as search writes it (JSON is YAML)."""
    (folder / "results/search").mkdir(parents=True, exist_ok=True)
    (folder / "results/search/best.yaml").write_text(json.dumps(WINNER))
