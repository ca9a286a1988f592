"""status: how far the search is, what the last run came to, and what to do next."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import artifacts, layout, params
from pipeline.addresses import redacted
from pipeline.commands import project
from pipeline.commands.command import Command
from pipeline.errors import MissingFile

if TYPE_CHECKING:
    from pipeline.search.standing import Standing

_FOLLOW_SECONDS = 10.0  # between two reports where there is no terminal


def _act(options: argparse.Namespace) -> None:
    root = project.enter()
    if options.job is not None:
        _tell_of_a_job(options, root)
        return
    parameters = params.load(layout.PARAMS)
    state, url = project.search_state(root, parameters), project.study_database(root, parameters)
    standing = _standing(state, url)
    if standing is None and not layout.REGISTRATION.exists():
        raise MissingFile("a study", where=redacted(url), why="nothing was searched here yet", remedy="run `dvc repro` first")
    if options.follow and standing is not None:
        _follow(standing, state, url)
        standing = _standing(state, url)
    print(json.dumps(_record(standing), indent=2, sort_keys=True) if options.json else "\n".join(_lines(standing)))


def _tell_of_a_job(options: argparse.Namespace, root: Path) -> None:
    from pipeline.cluster.following import follow
    from pipeline.commands import sending
    from pipeline.commands.jobs import known, line

    server = sending.server(params.load(layout.PARAMS), root)
    job = known(server, options.job)
    if options.follow:
        job = follow(server, job.job_id, print)
    print(json.dumps(asdict(job), indent=2, sort_keys=True) if options.json else line(job))


def _lines(standing: Standing | None) -> list[str]:
    """The search while it runs or was broken off, or is all there is; else what came of it."""
    registered = layout.REGISTRATION.exists()
    unfinished = standing is not None and (standing.holder is not None or not standing.snapshot.finished)
    search = standing.lines() if standing is not None and (unfinished or not registered) else []
    if not registered:
        return search
    from pipeline.report import front
    from pipeline.stages import register

    summary = layout.SEARCH / "summary.json"
    others = front.lines(artifacts.read_json(summary)) if summary.exists() else []
    return [*search, *others, register.conclusion()]


def _record(standing: Standing | None) -> dict[str, Any]:
    registration = artifacts.read_json(layout.REGISTRATION) if layout.REGISTRATION.exists() else None
    return {"search": None if standing is None else standing.record(), "registration": registration}


def _follow(standing: Standing, state: Path, url: str) -> None:
    """Look on until nobody searches any more."""
    from pipeline.search import live

    def look() -> Standing:
        return _standing(state, url) or standing

    with live.view(look):
        while (now := look()).holder is not None:
            if not live.on_a_terminal():
                print("\n".join(now.lines()))
            time.sleep(_FOLLOW_SECONDS)


def _standing(state: Path, url: str) -> Standing | None:
    """Of the study that somebody searches on, here or on another machine, else of the one begun last; None before the first."""
    from pipeline.search import lock
    from pipeline.search.standing import stand
    from pipeline.study import claim, store, studies

    if not studies.begun(url):
        return None
    rows = [(row, state / "studies" / row.study_id) for row in reversed(studies.rows(url))]
    elsewhere = claim.holders(url)
    held = [(row, folder, lock.holder(folder / "lock") or elsewhere.get(row.study_id)) for row, folder in rows]
    row, folder, by = next((one for one in held if one[2] is not None), held[0] if held else (None, None, None))
    return None if row is None or folder is None else stand(store.read(url, row.study_id), folder, by)


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job", nargs="?", metavar="JOB", help="one that was sent to a cluster, as `convoy jobs` shows it")
    parser.add_argument("--follow", action="store_true", help="keep looking until nobody searches any more, or the job is over")
    parser.add_argument("--json", action="store_true", help="one JSON object: search and registration, null where there is none")


COMMANDS = (
    Command(
        "status",
        "Look before and while it runs",
        "how far the search is, its best so far, the registered model, and what to do next",
        {
            "status": "of the project that this folder belongs to, also while another process searches",
            "status --follow": "in place on a terminal until the search has ended",
            "status --json": "for a script",
            "status JOB": "whether a job runs on its cluster, and since when",
        },
        _act,
        _arguments,
    ),
)
