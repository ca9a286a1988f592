"""pull: fetch a registered model; inside a project its name and store are known, elsewhere the only model there is."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import artifacts, layout
from pipeline.commands import registry
from pipeline.commands.command import Command, path_or_name
from pipeline.errors import MissingFile, WrongValue
from pipeline.tracking import reference

if TYPE_CHECKING:
    from pipeline.data.images.decoding import Decoding
    from pipeline.prediction.labelled import Labelled
    from pipeline.prediction.lighten import Cost
    from pipeline.tracking.pull import Fetched


def _act(options: argparse.Namespace) -> None:
    if options.model is None and reference.is_one(str(options.directory)):
        remedy = f"name a folder too: convoy pull {options.directory} DIR"
        raise WrongValue(str(options.directory), why="it is a registered model, and where to put it is not said", remedy=remedy)
    uri, wanted = registry.meant(options.model, options.tracking_uri)
    root = layout.project_root(Path.cwd())
    if options.int8 and options.labelled is None and root is None:
        raise _not_measurable()
    from pipeline.tracking import pull as pulling

    costs: list[Cost] = []

    def lighten(found: Fetched) -> None:
        costs.append(_lighter(found, options.labelled, root))

    pulled = pulling.pull(uri, wanted, options.directory, *([lighten] if options.int8 else []))
    if options.json:
        print(json.dumps(asdict(pulled) | {"int8": asdict(costs[0]) if costs else None}, indent=2, ensure_ascii=False))
        return
    called = f" ({pulled.alias})" if pulled.alias else ""
    print(f"{pulled.name} version {pulled.version}{called} is in {pulled.folder}, and answers here as it did when it was trained")
    for cost in costs:
        print(cost.line())
    print(f"next: convoy predict --model {options.directory} IMAGE" + (" --engine int8" if costs else ""))


def _lighter(found: Fetched, labelled: Path | None, root: Path | None) -> Cost:
    """Add the int8 form to the model, measured on the labelled images, else on the project's test split."""
    from pipeline.data.images.decoding import Decoding
    from pipeline.prediction.labelled import of_folder
    from pipeline.prediction.lighten import lighten

    decoding = Decoding.model_validate(artifacts.read_json(found.folder / "model.json")["recipe"]["decode"])
    images = of_folder(labelled, decoding) if labelled else _tested_on(found, decoding, root)
    return lighten(found.folder, images)


def _tested_on(found: Fetched, decoding: Decoding, root: Path | None) -> Labelled:
    """The images that this version was tested on, when they are those of this project; raises MissingFile."""
    from pipeline.prediction.labelled import of_test_split
    from pipeline.tracking.version_tags import TEST_TAG

    seal = root / layout.TEST_SEAL if root else None
    tested = found.version.tags.get(TEST_TAG)
    if root is None or seal is None or not seal.is_file() or artifacts.read_json(seal)["digest"] != tested:
        raise _not_measurable()
    return of_test_split(root, decoding, layout.state(root))


def _not_measurable() -> MissingFile:
    why = "what int8 costs in accuracy cannot be measured: the images it was tested on are not here"
    return MissingFile("labelled images", why=why, remedy="name a folder with one folder a class: --labelled FOLDER")


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model",
        metavar="NAME[@ALIAS|/VERSION]",
        nargs="?",
        type=path_or_name,
        help="default: the champion of the project's model, or of the only one there is; @challenger: the challenger of it",
    )
    parser.add_argument("directory", metavar="DIR", type=Path, help="where it is put, checked, and tried in a process of its own")
    parser.add_argument("--tracking-uri", help="default: the project's, or MLFLOW_TRACKING_URI")
    parser.add_argument("--int8", action="store_true", help="add a lighter form for --engine int8, and say what it costs")
    parser.add_argument(
        "--labelled",
        type=Path,
        metavar="FOLDER",
        help="one folder a class, to measure int8 on; default: the project's test split, if the version was tested on it",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object: where it is, which version, what int8 costs")


COMMANDS = (
    Command(
        "pull",
        "Take the model",
        "fetch a registered model into a folder, and try it there",
        {
            "pull champion": "the champion, into the folder champion",
            "pull @challenger other": "the challenger, into the folder other",
            "pull convoy-digits/3 third --tracking-uri http://localhost:5000": "version 3 of this model, from a server",
            "pull champion --int8 --labelled photos": "with a lighter form, measured on these images of yours",
            "pull champion --json": "for a script",
        },
        _act,
        _arguments,
    ),
)
