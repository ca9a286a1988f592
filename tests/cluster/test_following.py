"""Looking on at a job: each line once, through times in which the server is away, to the end that the job has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from pipeline.cluster import following
from pipeline.cluster.following import follow
from pipeline.cluster.job_server import Job
from pipeline.errors import ClusterUnreachable, JobFailed

AWAY = ClusterUnreachable("the job server", why="gone", remedy="wait")


@dataclass
class Told:
    """In place of a job server: what it says at each look, of the job's state and its log; or the error it raises."""

    looks: list[tuple[str, str] | ClusterUnreachable | None]
    address: str = "http://here"
    now: Any = field(default=None)

    def job(self, job_id: str) -> Job | None:
        self.now = self.looks.pop(0)
        if isinstance(self.now, ClusterUnreachable):
            raise self.now
        return self.now and Job(job_id, self.now[0], 0.0, None, None, "")

    def log(self, job_id: str) -> str:
        return str(self.now[1])


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(following, "_PAUSES", 0)


@pytest.mark.parametrize(
    ("looks", "shown"),
    [
        ([("pending", ""), ("running", "one\n"), ("running", "one\ntwo\nth"), ("succeeded", "one\ntwo\nthree")], "one two three"),
        ([("running", "one\n"), AWAY, AWAY, ("failed", "one\ntwo\n")], "one AWAY two"),
        ([("stopped", "one\n")], "one"),
    ],
)
def test_each_line_is_shown_once_until_the_job_is_over(looks: list[Any], shown: str) -> None:
    ends, said = looks[-1][0], list[str]()
    job = follow(Told(looks), "convoy-search-1", said.append)  # type: ignore[arg-type]
    assert job.state == ends
    assert " ".join("AWAY" if "trying again" in text else text.replace("\n", " ") for text in said) == shown


def test_a_job_that_the_cluster_has_lost_has_failed() -> None:
    with pytest.raises(JobFailed, match="run the same command"):
        follow(Told([("running", ""), None]), "convoy-search-1", print)  # type: ignore[arg-type]


def test_a_server_that_stays_away_is_given_up_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "PATIENCE_SECONDS", 0.0)
    with pytest.raises(ClusterUnreachable):
        follow(Told([AWAY, AWAY, AWAY]), "convoy-search-1", print)  # type: ignore[arg-type]
