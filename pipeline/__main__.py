"""The command line: `convoy <command>`, the same as `python -m pipeline <command>`."""

from __future__ import annotations

import argparse
import gc
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline import commands
from pipeline.errors import ConvoyError, Interrupted, Unexpected

STAGES = ("ingest", "split", "preprocess", "search", "refit", "evaluate", "register")


def run() -> int:
    """The program `convoy`: main, without a search for garbage at the end, which takes half a second after one for networks."""
    code = main()
    gc.freeze()
    return code


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code. Errors are one line each; `--debug` adds the traceback."""
    options = _parser().parse_args(arguments)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin for work cost a shared machine six times the time
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a search is watched while it runs
    act: Callable[[argparse.Namespace], None] = options.act
    try:
        act(options)
    except BrokenPipeError:  # `convoy … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:  # before or after the part of a search that puts its trials aside
        return _tell(Interrupted(f"convoy {options.command}", why="SIGINT", remedy="run the same command to go on"))
    except Exception as error:
        if options.debug:
            raise
        return _tell(error)
    return 0


def _tell(error: Exception) -> int:
    """Print the error without its traceback, which goes to the log of the project; the exit code."""
    log = commands.log(traceback.format_exc())
    if isinstance(error, ConvoyError):
        print(error, file=sys.stderr)
        return error.exit_code
    remedy = f"the traceback is in {log}" if log else "repeat it with --debug"
    print(Unexpected(type(error).__name__, why=str(error) or "no message", remedy=remedy), file=sys.stderr)
    return Unexpected.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="convoy", description="From labelled images to a registered convolutional network.")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    add = parser.add_subparsers(title="commands", dest="command", required=True, metavar="COMMAND").add_parser
    for stage in STAGES:
        _of_project(
            add(stage, help=f"run the stage {stage} alone; `dvc repro` runs what is out of date"), commands.run_stage, stage
        )
    _add_check(add("check", help="everything that is wrong with configuration, space, data, resources, tracking"))
    _add_preview(add("preview", help="a picture of train images as decoded, as prepared, and as augmented"))
    _of_project(add("plan", help="trials, time, disk and money to expect of a search, after a probe of seconds"), commands.plan)
    _of_project(add("status", help="the registered model, its test score and what to do next"), commands.status)
    _of_project(add("sync", help="make MLflow equal to the study"), commands.sync)
    _add_pull(add("pull", help="fetch a registered model into a folder"))
    _add_predict(add("predict", help="label images with a model folder"))
    return parser


def _of_project(parser: argparse.ArgumentParser, act: Callable[..., None], *arguments: str) -> None:
    parser.set_defaults(act=lambda options: act(*arguments))


def _add_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "point", metavar="NAME=VALUE", nargs="*", help="print the layers of this configuration, e.g. model.filters=32"
    )
    parser.add_argument("--image", metavar="HxWxC", help="for images of this size; default: as prepared")
    parser.add_argument("--classes", type=int, help="for this many classes; default: as prepared")
    parser.set_defaults(act=lambda o: commands.check(o.point, o.image, o.classes))


def _add_preview(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("point", metavar="NAME=VALUE", nargs="*", help="another strength, e.g. augment.rotation_degrees=30")
    parser.add_argument("--count", type=_positive, default=8, help="images shown (default: 8)")
    parser.add_argument("--output", type=Path, default=Path("preview.png"), help="the PNG written (default: preview.png)")
    parser.add_argument(
        "--strengths",
        choices=("space", "copies"),
        default="space",
        help="the middle of the search space's ranges (default), or those of stored copies, preprocess.augment",
    )
    parser.set_defaults(act=lambda o: commands.preview(o.point, o.strengths, o.count, o.output))


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("should be 1 or more")
    return number


def _add_pull(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", metavar="DIR", type=Path, help="where the model is put, checked against its sha256")
    parser.add_argument("--alias", default="champion", help="champion (default) or challenger")
    parser.add_argument("--name", help="the registered model; default: the project's, or the only one there is")
    parser.add_argument("--tracking-uri", help="default: the project's, or MLFLOW_TRACKING_URI")
    parser.set_defaults(act=lambda o: commands.pull(o.directory, o.alias, o.name, o.tracking_uri))


def _add_predict(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("images", metavar="IMAGE", nargs="+", type=Path, help="image files or folders of them")
    parser.add_argument(
        "--model", type=Path, default=Path("champion"), help="a folder written by `convoy pull` (default: champion)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line, with all probabilities")
    parser.set_defaults(act=lambda o: commands.predict(o.images, o.model, o.json))


if __name__ == "__main__":
    sys.exit(run())
