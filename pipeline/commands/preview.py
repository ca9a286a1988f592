"""preview: a picture of train images as decoded, as prepared, and as augmented."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline import artifacts, layout, params
from pipeline.commands import project
from pipeline.commands.command import Command, positive


def _act(options: argparse.Namespace) -> None:
    output = options.output.absolute()
    project.enter()
    from pipeline import preview as previewing
    from pipeline.check import question

    point = question(options.point, None, None).point
    picture = previewing.preview(params.load(layout.PARAMS), options.strengths, point, options.count)
    artifacts.write_bytes(output, picture)
    print(f"preview: {output}")


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("point", metavar="NAME=VALUE", nargs="*", help="another strength, e.g. augment.rotation_degrees=30")
    parser.add_argument("--count", type=positive, default=8, help="images shown (default: 8)")
    parser.add_argument("--output", type=Path, default=Path("preview.png"), help="the PNG written (default: preview.png)")
    parser.add_argument(
        "--strengths",
        choices=("space", "copies"),
        default="space",
        help="the middle of the search space's ranges (default), or those of stored copies, preprocess.augment",
    )


COMMANDS = (
    Command(
        "preview",
        "Look before and while it runs",
        "a picture of train images as decoded, as prepared, and as augmented",
        {
            "preview": "eight images, changed as strongly as the middle of the space",
            "preview augment.rotation_degrees=30 --count 4": "another strength, fewer images",
        },
        _act,
        _arguments,
    ),
)
