"""submit: a stage as a job of a cluster; run-job: what that job runs."""

from __future__ import annotations

import argparse
import os
import traceback
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline import layout, params
from pipeline.commands import project
from pipeline.commands.command import Command, positive
from pipeline.commands.stage import STAGES, run_here
from pipeline.errors import ConvoyError

_DETAILS = """\
`cluster.address` names the job server, `cluster.storage` what the images reach it through and the results come back by. The
job gets the working tree as git would keep it, without data, state and files that look secret. It goes on whatever becomes
of this command; the same command finds it again, and so does `dvc repro`, which runs the search as a job by itself."""


def _submit(options: argparse.Namespace) -> None:
    from pipeline.commands import sending

    root = project.enter()
    parameters = params.load(layout.PARAMS)
    sent = sending.send(options.stage, parameters, root, options.gpus)
    if options.follow:
        sending.finish(sent, parameters, root)
    elif sent.job_id is None:
        print("its results are there: `convoy submit --follow` or `dvc repro` fetches them")


def _run_job(options: argparse.Namespace) -> None:
    from pipeline.cluster import run_job
    from pipeline.cluster.settings import AUTO, RAY_ADDRESS

    tree = project.enter()
    parameters = params.load(layout.PARAMS)
    cluster = parameters.cluster.model_copy(update={"address": os.environ.get(RAY_ADDRESS) or AUTO})  # the one that it runs on

    os.chdir(tree.parent)  # what is told of an error is not written into the tree, which is shared

    def stage(root: Path, told: Mapping[str, Any]) -> None:
        run_here(options.stage, replace(parameters, cluster=cluster), root, **told)

    try:
        run_job.run(str(parameters.cluster.storage), options.key, tree, stage)
    except ConvoyError:
        raise
    except Exception:  # what a job prints is all that is left of it
        traceback.print_exc()
        raise


def _submit_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("stage", nargs="?", default="search", choices=STAGES, help="default: search")
    parser.add_argument(
        "--gpus", type=positive, default=0, help="run the stage itself on a node with so many, as refit wants one"
    )
    parser.add_argument("--follow", action="store_true", help="show what it prints until it ends, then fetch its results")


def _run_job_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("key", help="of the request in cluster.storage")


COMMANDS = (
    Command(
        "submit",
        "Run",
        "send a stage to the cluster of params.yaml, as a job that goes on by itself",
        {
            "submit": "the search; `convoy jobs` shows how far it is",
            "submit --follow": "the search, its output and then its results here, as `dvc repro` does it",
            "submit --follow --gpus 1 refit": "another stage, on a GPU; `dvc commit refit` then tells DVC of it",
        },
        _submit,
        _submit_arguments,
        _DETAILS,
    ),
    Command(
        "run-job",
        "Run",
        "what a job runs on the cluster",
        {"run-job search KEY": "what submit has asked for"},
        _run_job,
        _run_job_arguments,
        hidden=True,
    ),
)
