"""jobs, logs: what was sent to the cluster of params.yaml."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from pipeline import layout, params
from pipeline.cluster.settings import KEPT_DAYS
from pipeline.commands import project
from pipeline.commands.command import Command
from pipeline.errors import UnknownName

if TYPE_CHECKING:
    from pipeline.cluster.job_server import Job, JobServer

_OURS = "convoy-"  # others may use the cluster too


_DETAILS = f"""\
`--clean` removes from `cluster.storage` what jobs were given and brought back, and images of searches, once nobody has used them
for so many days: never what a job works with, nor results that were not fetched. `submit` does it too,
after {KEPT_DAYS:g} days."""


def _jobs(options: argparse.Namespace) -> None:
    if options.clean:
        _clean(options)
        return
    jobs = [job for job in server_here().jobs() if job.job_id.startswith(_OURS)]
    if options.json:
        print(json.dumps([asdict(job) for job in jobs], indent=2, sort_keys=True))
        return
    print("\n".join(map(line, jobs)) if jobs else "no jobs of Convoy on this cluster")


def _clean(options: argparse.Namespace) -> None:
    from pipeline.commands import sending

    root = project.enter()
    cleaned = sending.jobs(params.load(layout.PARAMS), root).clean(options.days)
    if options.json:
        print(json.dumps(asdict(cleaned), indent=2, sort_keys=True))
    else:
        print(f"removed from the storage: {len(cleaned.keys)} records of jobs and images, {cleaned.files} files")


def _logs(options: argparse.Namespace) -> None:
    from pipeline.cluster.following import follow

    server = server_here()
    job = known(server, options.job)
    if options.follow:
        print(line(follow(server, job.job_id, print)))
    else:
        print(server.log(job.job_id), end="")


def line(job: Job) -> str:
    """A job in one line."""
    if job.started is None:
        return f"{job.job_id}  {job.state}"
    began = time.strftime("%Y-%m-%d %H:%M", time.localtime(job.started))
    minutes = max(0.0, (job.ended or time.time()) - job.started) / 60  # the clock there may not be ours
    why = job.message if job.exit_code is None else f"exit code {job.exit_code}"
    return f"{job.job_id}  {job.state}  since {began}, {minutes:.1f} minutes" + (f", {why}" if job.state == "failed" else "")


def known(server: JobServer, job_id: str) -> Job:
    """The job; raises UnknownName for one that the cluster has not."""
    job = server.job(job_id)
    if job is None:
        raise UnknownName(f"job {job_id}", where=server.address, why="the cluster has no such job", remedy="see `convoy jobs`")
    return job


def server_here() -> JobServer:
    """The job server of the project that this folder belongs to."""
    from pipeline.commands import sending

    root = project.enter()
    return sending.server(params.load(layout.PARAMS), root)


def job_argument(parser: argparse.ArgumentParser) -> None:
    """The name of a job."""
    parser.add_argument("job", metavar="JOB", help="its name, as `convoy jobs` shows it")


def _logs_arguments(parser: argparse.ArgumentParser) -> None:
    job_argument(parser)
    parser.add_argument("--follow", action="store_true", help="until the job is over")


def _jobs_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="a list of JSON objects")
    parser.add_argument("--clean", action="store_true", help="remove from the storage what is no longer needed")
    parser.add_argument("--days", type=float, default=KEPT_DAYS, help="in which nobody has used it; default: %(default)g")


COMMANDS = (
    Command(
        "jobs",
        "Look before and while it runs",
        "what was sent to the cluster of params.yaml, and how far it is",
        {
            "jobs": "the earliest first",
            "jobs --json": "for a script",
            "jobs --clean --days 7": "make room in the storage",
        },
        _jobs,
        _jobs_arguments,
        _DETAILS,
    ),
    Command(
        "logs",
        "Look before and while it runs",
        "what a job has printed",
        {"logs JOB": "so far", "logs --follow JOB": "until it is over"},
        _logs,
        _logs_arguments,
    ),
)
