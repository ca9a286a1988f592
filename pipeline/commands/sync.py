"""sync: make MLflow equal to the study that the present results come from, or to the latest."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pipeline import layout, params
from pipeline.commands import project
from pipeline.commands.command import Command
from pipeline.data import progress
from pipeline.errors import MissingFile

if TYPE_CHECKING:
    from pipeline.study.records import TrialRecord


def _act(options: argparse.Namespace) -> None:
    root = project.enter()
    parameters = params.load(layout.PARAMS)
    from pipeline.study import store
    from pipeline.tracking.project import project as show

    url = layout.study_database(layout.state(root))
    latest = store.latest(url)
    if latest is None:
        raise MissingFile("a study", where=url, why="nothing was searched here yet", remedy="run `dvc repro` first")
    searched = project.searched_study()
    study_id = searched if searched and store.known(url, searched) else latest.study_id
    uri = project.tracking_uri(root, parameters)

    def watched(trials: Sequence[TrialRecord]) -> Iterator[TrialRecord]:
        return progress.shown(trials, len(trials), "sync", "trials")

    done = show(store.read(url, study_id), uri, parameters.search.experiment, watch=watched)
    shown = f"{done.trials_done} trials" + (f" and {done.reruns_done} reruns" if done.reruns_done else "")
    print(f"study {study_id}: {shown} in {uri} ({done.created} runs created, {done.updated} updated)")


COMMANDS = (
    Command(
        "sync",
        "Look before and while it runs",
        "make MLflow equal to the study",
        {"sync": "after MLflow was away, moved or emptied"},
        _act,
    ),
)
