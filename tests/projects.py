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


ACCOUNTS: dict[str, dict[str, object]] = {
    "study.json": {
        "study_id": "abcdef0123456789",
        "metric": "val_accuracy",
        "direction": "maximize",
        "objectives": [],
        "facts": {"searched": "space.yaml for val_accuracy", "commit": "0123456789abcdef", "uncommitted changes": "no"},
        "searched": {
            "model.filters": {"type": "int", "low": 4, "high": 8, "log": False},
            "model.activation": {"type": "categorical", "choices": ["relu", "silu"]},
            "train.learning_rate": {"type": "float", "low": 1e-3, "high": 0.3, "log": True},
            "train.momentum": {"type": "float", "low": 0.5, "high": 0.9, "log": False},
        },
        "importance": {
            "trials": 7,
            "shares": {"model.filters": 0.1, "train.learning_rate": 0.85, "model.activation": 0.05},
            "explained": 0.2,
            "conditional": ["train.momentum"],
        },
    },
    "summary.json": {
        "val_accuracy": 1.0,
        "trials": {"completed": 6, "pruned": 1, "infeasible": 1},
        "ended_by": "7 trials",
        "stopping": {
            "audited": 1,
            "would_stop": 0,
            "top": 0,
            "top_would_stop": 0,
            "stopped": 1,
            "epochs_trained": 25,
            "epochs_saved": 3,
            "epochs_spent": 0,
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
    write_catalog(folder)
    return recipe


def write_catalog(folder: Path) -> None:
    """data/catalog, as far as stages after preprocess read it: the file of each image."""
    rows = [(f"{CLASSES[row % 3]}/{split}{row:04d}.png", f"{split}{row:04d}") for split in COUNTS for row in range(COUNTS[split])]
    (folder / "data/catalog").mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows, columns=["path", "digest"]).to_parquet(folder / "data/catalog/catalog.parquet", index=False)


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
    """results/search as search writes it (JSON is YAML), as far as refit and evaluate read it."""
    (folder / "results/search").mkdir(parents=True, exist_ok=True)
    tables = {name: table.to_csv(index=False) for name, table in search_tables().items()}
    for name, content in {"best.yaml": json.dumps(WINNER), **{f: json.dumps(v) for f, v in ACCOUNTS.items()}, **tables}.items():
        (folder / "results/search" / name).write_text(content)


def search_tables() -> dict[str, pd.DataFrame]:
    """What eight trials left behind: six completed, one stopped, one that does not fit."""
    rates, values = (0.02, 0.001, 0.005, 0.02, 0.01, 0.03, 0.002, 0.3), (0.9, 0.5, 0.7, 0.96, 0.94, 1.0, None, None)
    trials = [
        {
            "number": number,
            "trial_key": f"abcdef01-{number:04d}",
            "state": "completed" if value else "pruned" if number == 6 else "infeasible",
            "value": value,
            "last_value": value or (0.4 if number == 6 else None),
            "reselection_value": {3: 0.9375, 5: 0.875}.get(number),
            "epochs": 0 if number == 7 else 1 if number == 6 else 4,
            "seconds": 0.0 if number == 7 else 0.5,
            "model.filters": 8 if number % 2 else 4,
            "model.activation": ("relu", "silu")[number % 2],
            "train.learning_rate": rate,
            "train.momentum": 0.9 if number == 1 else None,
        }
        for number, (rate, value) in enumerate(zip(rates, values, strict=True))
    ]
    curves = [
        {"trial": one["number"], "epoch": epoch, "train_loss": 1 / epoch, "val_loss": 1.2 / epoch, "val_accuracy": epoch / 5}
        for one in trials
        for epoch in range(1, int(str(one["epochs"])) + 1)
    ]
    times = [("completed", 6, 24, 3.0), ("infeasible", 1, 0, 0.0), ("pruned", 1, 1, 0.5), ("trained again", 4, 16, 2.0)]
    return {
        "leaderboard.csv": pd.DataFrame(trials).sort_values("value", ascending=False),
        "curves.csv": pd.DataFrame(curves),
        "time.csv": pd.DataFrame([*times, ("wall", 12, 41, 4.5)], columns=["what", "runs", "epochs", "seconds"]),
    }
