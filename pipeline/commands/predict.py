"""predict: one line an image, or a table; refused images are named with their reason and make the exit code that of bad data."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands import registry
from pipeline.commands.command import Command, path_or_name
from pipeline.errors import ImageRefused, raise_all
from pipeline.tracking import reference

if TYPE_CHECKING:
    from pipeline.prediction.answer import Prediction

_NAMED = 20  # refused images named at the end; each has said so in its own line already


def _act(options: argparse.Namespace) -> None:
    from pipeline.prediction import files, output
    from pipeline.prediction.model import load
    from pipeline.prediction.predict import label

    if options.output:
        output.require_known(options.output)
    with _folder(options) as folder:
        model = load(folder, options.engine, options.device)
        tally = _Tally()
        paths = files.files(options.images, options.column)
        predictions = tally.of(_shown(label(model, paths), options))
        if options.output:
            output.write(options.output, model.classes, predictions)
            told = {"images": tally.count, "refused": tally.refused, "output": str(options.output)}
            line = f"{tally.count} images, {tally.refused} of them refused: {options.output}"
            print(json.dumps(told, ensure_ascii=False) if options.json else line)
        else:
            for prediction in predictions:
                print(json.dumps(prediction.record(), ensure_ascii=False) if options.json else prediction.line())
    raise_all(tally.errors())


@contextlib.contextmanager
def _folder(options: argparse.Namespace) -> Iterator[Path]:
    """The folder named, or one that is there as long as it is needed, fetched from the registry."""
    if not reference.is_one(options.model):
        yield Path(options.model)
        return
    from pipeline.tracking import pull

    uri, wanted = registry.meant(options.model, options.tracking_uri)
    with pull.fetched(uri, wanted) as model:
        yield model.folder


def _shown(predictions: Iterator[Prediction], options: argparse.Namespace) -> Iterator[Prediction]:
    """With rate and time left where somebody looks on and the lines themselves do not show it."""
    if not sys.stderr.isatty() or (sys.stdout.isatty() and not options.output):
        return predictions
    from pipeline.data.progress import shown
    from pipeline.prediction.files import files

    return shown(predictions, sum(1 for _ in files(options.images, options.column)), "predict")


class _Tally:
    """How many came by, and the first that were refused."""

    def __init__(self) -> None:
        self.count, self.refused = 0, 0
        self._first: list[Prediction] = []

    def of(self, predictions: Iterable[Prediction]) -> Iterator[Prediction]:
        """The same, counted."""
        for prediction in predictions:
            self.count += 1
            if prediction.label is None:
                self.refused += 1
                if len(self._first) < _NAMED:
                    self._first.append(prediction)
            yield prediction

    def errors(self) -> list[ImageRefused]:
        """One a refused image, the last standing for those beyond the first."""
        remedy = "give an image of another kind"
        named = [ImageRefused(one.path, why=one.reason, remedy=remedy) for one in self._first]
        beyond = self.refused - len(named)
        more = ImageRefused(f"{beyond} more images", why="each said why in its own line", remedy=remedy)
        return [*named, more] if beyond else named


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "images",
        metavar="IMAGE",
        nargs="+",
        help="image files, folders, 'patterns/**/*.png', CSV files with a column of paths",
    )
    parser.add_argument(
        "--model",
        type=path_or_name,
        default="champion",
        help="a folder written by `convoy pull` (default: champion), or models:/NAME@alias, fetched for this time",
    )
    parser.add_argument("--tracking-uri", help="with models:/…; default: the project's, or MLFLOW_TRACKING_URI")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write a table: .csv, .json, .jsonl or .parquet")
    parser.add_argument(
        "--json", action="store_true", help="one JSON object a line: all probabilities, or with --output the counts"
    )
    parser.add_argument("--column", default="path", help="of a CSV file, with paths relative to it (default: path)")
    parser.add_argument("--engine", choices=("auto", "torch", "onnx", "int8"), default="auto", help="what runs the network")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where it runs (default: auto)")


COMMANDS = (
    Command(
        "predict",
        "Take the model",
        "label images with a model",
        {
            "predict picture.png folder/of/pictures": "with the model in the folder champion",
            "predict --output labels.parquet list.csv 'more/**/*.jpg'": "a table, of files named in a CSV file and by a pattern",
            "predict --engine onnx --json picture.png": "without torch, as JSON with all probabilities",
            "predict --model models:/convoy-digits@champion picture.png": "with a model fetched from MLflow for this time",
        },
        _act,
        _arguments,
    ),
)
