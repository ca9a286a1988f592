"""predict: one line an image; refused images are named with their reason and make the exit code that of bad data."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from pipeline.commands.command import Command
from pipeline.errors import ImageRefused, raise_all


def _act(options: argparse.Namespace) -> None:
    from pipeline import predict as predicting

    predictions = predicting.predict(options.model, options.images)
    for prediction in predictions:
        print(json.dumps(prediction.record(), ensure_ascii=False) if options.json else prediction.line())
    refused = [prediction for prediction in predictions if prediction.label is None]
    raise_all([ImageRefused(str(p.path), why=p.reason, remedy="give an image of another kind") for p in refused])


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("images", metavar="IMAGE", nargs="+", type=Path, help="image files or folders of them")
    parser.add_argument(
        "--model", type=Path, default=Path("champion"), help="a folder written by `convoy pull` (default: champion)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line, with all probabilities")


COMMANDS = (
    Command(
        "predict",
        "Take the model",
        "label images with a model folder",
        {
            "predict picture.png folder/of/pictures": "with the model in the folder champion",
            "predict --model other --json picture.png": "as JSON, with all probabilities",
        },
        _act,
        _arguments,
    ),
)
