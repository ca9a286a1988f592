"""sync: make MLflow equal to the study that the present results come from, or to the latest."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from pipeline import layout, params
from pipeline.addresses import redacted
from pipeline.commands import project
from pipeline.commands.command import Command
from pipeline.data import progress
from pipeline.errors import MissingFile

if TYPE_CHECKING:
    from pipeline.study.records import TrialRecord


def _act(options: argparse.Namespace) -> None:
    root = project.enter()
    parameters = params.load(layout.PARAMS)
    from pipeline.study import store, studies
    from pipeline.tracking.project import project as show

    url = project.study_database(root, parameters)
    latest = studies.latest(url)
    if latest is None:
        raise MissingFile("a study", where=redacted(url), why="nothing was searched here yet", remedy="run `dvc repro` first")
    searched = project.searched_study()
    study_id = searched if searched and studies.known(url, searched) else latest.study_id
    uri = project.tracking_uri(root, parameters)

    def watched(runs: Sequence[TrialRecord]) -> Iterator[TrialRecord]:
        return progress.shown(runs, len(runs), "sync", "runs")

    done = show(store.read(url, study_id), uri, parameters.search.experiment, watch=watched)
    address = redacted(uri)
    if options.json:
        print(json.dumps({"study_id": study_id, "tracking_uri": address} | asdict(done), indent=2, sort_keys=True))
        return
    shown = f"{done.trials_done} trials" + (f" and {done.reruns_done} reruns" if done.reruns_done else "")
    print(f"study {study_id}: {shown} in {address} ({done.created} runs created, {done.updated} updated)")


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object: which study, where, what was created and updated")


COMMANDS = (
    Command(
        "sync",
        "Look before and while it runs",
        "make MLflow equal to the study",
        {"sync": "after MLflow was away, moved or emptied", "sync --json": "for a script"},
        _act,
        _arguments,
    ),
)
