"""A stage as a job of a cluster: found or submitted, followed, and its results fetched to where DVC expects them.

The job goes on whatever becomes of us. The same command finds it again: its name says what it works on, so nothing is sent or
run twice.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline import artifacts, layout
from pipeline.cluster import job_environment, working_tree
from pipeline.cluster.depot import FETCHED, REQUEST, RESULT, Cleaned, Depot
from pipeline.cluster.following import AGAIN, follow
from pipeline.cluster.job_server import Job, JobServer
from pipeline.cluster.settings import KEPT_DAYS, ClusterParams
from pipeline.cluster.work import Work
from pipeline.errors import Interrupted, JobFailed, MissingKey, SecurityRefusal, StudyBusy


@dataclass(frozen=True)
class Sent:
    """A stage on its way: `job_id` is that of its job, None where its results were there already."""

    work: Work
    key: str
    job_id: str | None


@dataclass(frozen=True)
class Jobs:
    """Those of the project at `root` on the cluster at `address`; `package` is the code that runs here."""

    params: ClusterParams
    address: str
    root: Path
    package: Path
    gpus: int = 0  # for a job itself; those of trials are Ray's to give
    show: Callable[[str], None] = print

    @property
    def depot(self) -> Depot:
        """Where files go to and come from; raises MissingKey where none is named."""
        if self.params.storage is None:
            why, remedy = "a job gets its images from it and brings its results back", "name one: docs/cluster.md"
            raise MissingKey("cluster.storage", where=str(layout.PARAMS), why=why, remedy=remedy)
        return Depot(self.params.storage)

    def server(self) -> JobServer:
        """The job server, which lets in nobody without a token."""
        return JobServer(self.address, insecure=self.params.insecure)

    def send(self, work: Work, told: Mapping[str, str], of: str = "") -> Sent:
        """Submit the work, unless it is done or a job works on it; `of` names what no two jobs may work on at once.

        `told` is for the job alone and no part of what the work is. Raises StudyBusy while another job works on it.
        """
        key, depot = work.key(self.root, self.package), self.depot
        if depot.read(key, RESULT) is not None:
            self.show(f"this {work.stage} was done before, on a cluster")
            return Sent(work, key, None)
        server = self.server()
        about = f"convoy-{work.stage}-{of}"
        name = f"{about}{key}-"  # and the number of the attempt
        everybodys = server.jobs()
        for job in everybodys:
            if job.over or not job.job_id.startswith(about):
                continue
            if job.job_id.startswith(name):
                self.show(f"job {job.job_id} works on it")
                return Sent(work, key, job.job_id)
            if of:
                why, remedy = "its parameters, code or data are others", f"wait for it, or `convoy stop {job.job_id}`"
                raise StudyBusy(f"job {job.job_id}", where=self.address, why=why, remedy=remedy)
        job_id = f"{name}{_next_attempt(self._notes(), name, everybodys)}"
        depot.clean(KEPT_DAYS, _worked_on(everybodys))
        self._submit(server, depot, work, key, job_id, told)
        return Sent(work, key, job_id)

    def finish(self, sent: Sent) -> None:
        """Follow the job to its end and put its results where DVC expects them.

        Raises JobFailed, or Interrupted for a job that was stopped.
        """
        if sent.job_id is not None:
            job = self._follow(sent.job_id)
            if job.state == "stopped":
                raise Interrupted(f"job {job.job_id}", why="it was stopped; what it did is kept", remedy=AGAIN, exit_code=143)
            if job.state == "failed":
                why = job.message if job.exit_code is None else f"exit code {job.exit_code}"
                raise JobFailed(f"job {job.job_id}", why=why, remedy=f"see `convoy logs {job.job_id}`, then {AGAIN}")
        self._fetch(sent)

    def clean(self, days: float) -> Cleaned:
        """Remove from the storage what jobs were given and brought back and nobody has used for so many days."""
        return self.depot.clean(days, _worked_on(self.server().jobs()))

    def _follow(self, job_id: str) -> Job:
        try:
            return follow(self.server(), job_id, self.show)
        except KeyboardInterrupt:
            remedy = f"the same command finds it again, `convoy stop {job_id}` ends it"
            raise Interrupted(f"job {job_id}", why="SIGINT here; it goes on", remedy=remedy) from None

    def _submit(self, server: JobServer, depot: Depot, work: Work, key: str, job_id: str, told: Mapping[str, str]) -> None:
        tree = working_tree.gather(self.root, self.package)
        archive = tree.archive()
        variables = job_environment.forwarded(os.environ)
        if tree.secret:
            self.show(f"not sent, because they look secret: {', '.join(tree.secret)}")
        names = (name for name in work.reads if name not in tree.files)
        about_it = {"stage": work.stage, "writes": work.writes, "told": dict(told)}
        _, sent_bytes = depot.send(self.root, names, key, REQUEST, **about_it)
        with tempfile.TemporaryDirectory(prefix="convoy-job-") as folder:
            file = Path(folder) / "tree.zip"
            artifacts.write_bytes(file, archive)
            command = f"exec sh {self.package.name}/cluster/job.sh {work.stage} {key}"
            about = {"convoy.stage": work.stage, "convoy.work": key}
            server.submit(job_id, command, file, variables, about, self.gpus)
        note = {"address": self.address, "job_id": job_id, "stage": work.stage, "submitted_at": time.time()}
        artifacts.write_json(self._notes() / f"{job_id}.json", note)
        sizes = f"{len(archive) / 2**20:.1f} MB of code, {sent_bytes / 2**20:.1f} MB of data"
        self.show(f"job {job_id} submitted with {sizes}; it goes on if this ends: `convoy stop {job_id}` stops it")

    def _fetch(self, sent: Sent) -> None:
        depot = self.depot
        result = depot.read(sent.key, RESULT)
        if result is None:
            raise JobFailed(f"job {sent.job_id}", why="it left no results", remedy=AGAIN)
        outputs = [Path(output) for output in sent.work.writes]
        for name in result["files"]:
            if not any(Path(name).is_relative_to(output) for output in outputs):
                why, remedy = "the stage writes no such file", "look at who may write to cluster.storage"
                raise SecurityRefusal(name, where=f"the results of job {sent.job_id}", why=why, remedy=remedy)
        depot.fetch(result["files"], self.root)
        for output in outputs:
            if (self.root / output).is_dir():
                names = [Path(name) for name in result["files"]]
                inside = [str(name.relative_to(output)) for name in names if name.is_relative_to(output)]
                artifacts.keep_only(self.root / output, inside)
        depot.write(sent.key, FETCHED, {})

    def _notes(self) -> Path:
        """Of the jobs that this project has submitted, one file each."""
        return layout.state(self.root) / "jobs"


def _worked_on(jobs: Sequence[Job]) -> list[str]:
    """The keys of what jobs work on, or will: each stands in the name of its job before the number of the attempt."""
    return [job.job_id.split("-")[-2] for job in jobs if not job.over and job.job_id.startswith("convoy-")]


def _next_attempt(notes: Path, name: str, jobs: Sequence[Job]) -> int:
    """One more than there were, as far as the cluster and the notes here know: a name is never used twice."""
    known = [*(job.job_id for job in jobs), *(note.stem for note in notes.glob(f"{name}*.json"))]
    return 1 + max((int(job_id.removeprefix(name)) for job_id in known if job_id.startswith(name)), default=0)
