"""A search whose database is a server: what it does while that is away, restarted, slow, or taken over by another driver."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pipeline.errors import StudyBusy, StudyUnreachable
from pipeline.search import decisions
from pipeline.search.candidates import plan
from pipeline.search.conductor import Conductor
from pipeline.search.settings import SearchParams
from pipeline.study import clerk, store
from pipeline.study.claim import claimed
from pipeline.study.records import TrialRecord
from tests.cluster.proxy import Proxy
from tests.cluster.servers import Postgres
from tests.search.driving import STUDY, Search, story

OWNER = {"process": {"pid": 41, "started": 5.0}, "host": "there", "command": "convoy search"}
BUDGET = {"trials": 8, "stopping": "asha"}


@dataclass
class OnServer(Search):
    """With its database on a server, reached through `address`."""

    address: str = ""
    said: list[str] = field(default_factory=list)
    opened: ExitStack = field(default_factory=ExitStack)
    study: store.Study = field(init=False)  # as it was opened last

    @property
    def url(self) -> str:
        """The address of the database."""
        return self.address

    def open(self, row: store.StudyRow) -> store.Study:
        """As the driver that holds it."""
        claim = self.opened.enter_context(claimed(self.url, STUDY, OWNER))
        self.study, _ = store.create(self.url, row, claim, tell=self.said.append)
        self.opened.callback(self.study.close)
        return self.study


@pytest.fixture
def unbroken(tmp_path: Path) -> list[tuple[object, ...]]:
    """The same search on a file; with one worker, since of several it depends on time who comes first."""
    folder = tmp_path / "unbroken"
    folder.mkdir()
    search = Search(folder)
    search.work(search.conductor(**BUDGET), slots=1)
    return story(search.snapshot())


@pytest.fixture
def proxy(postgres: Postgres) -> Iterator[Proxy]:
    with Proxy(postgres.port) as between:
        yield between


@pytest.fixture
def search(postgres: Postgres, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OnServer]:
    monkeypatch.setattr(clerk, "_PAUSE_SECONDS", 0.02)
    database = uuid.uuid4().hex
    postgres.create(database)
    made = OnServer(tmp_path, address=postgres.address(database, port=proxy.port))
    yield made
    proxy.behave("pass")
    made.opened.close()


def after(ends: int, act: Callable[[], object]) -> Callable[[TrialRecord], object]:
    """Do something when so many trials have come to an end or a halt."""
    seen: list[TrialRecord] = []

    def listener(trial: TrialRecord) -> object:
        seen.append(trial)
        return act() if len(seen) == ends else None

    return listener


@pytest.mark.cluster
def test_on_a_server_a_search_goes_the_way_it_goes_on_a_file(search: OnServer, unbroken: list[tuple[object, ...]]) -> None:
    search.work(search.conductor(**BUDGET), slots=1)
    assert story(search.snapshot()) == unbroken
    assert search.said == []


def test_what_was_committed_and_not_answered_is_neither_done_twice_nor_an_error(
    search: OnServer, proxy: Proxy, unbroken: list[tuple[object, ...]]
) -> None:
    conductor = search.conductor(**BUDGET)
    search.listener = after(2, lambda: proxy.lose(b"COMMIT", every=7))
    search.work(conductor, slots=1)
    lost = proxy.lost
    proxy.behave("pass")
    assert story(search.snapshot()) == unbroken
    assert lost >= 5


@pytest.mark.parametrize("mode", ["refuse", *(pytest.param(mode, marks=pytest.mark.cluster) for mode in ("reset", "cut"))])
def test_a_server_that_is_away_for_a_while_costs_nothing(
    search: OnServer, proxy: Proxy, unbroken: list[tuple[object, ...]], mode: str
) -> None:
    conductor = search.conductor(**BUDGET)
    search.listener = after(3, lambda: proxy.behave(mode))
    search.while_behind = lambda: proxy.behave("pass") if search.said and proxy.mode == mode else None
    search.work(conductor, slots=1)
    assert "is away" in search.said[0] and "is back" in search.said[-1]
    assert story(search.snapshot()) == unbroken


@pytest.mark.cluster
def test_what_trains_goes_on_while_the_database_is_away_and_the_next_trial_waits(search: OnServer, proxy: Proxy) -> None:
    conductor = search.conductor(trials=12)
    running = {trial.key: search.messages(trial) for trial in (conductor.next(), conductor.next()) if trial is not None}
    proxy.behave("refuse")
    trained = 0
    begun = time.monotonic()
    for key, messages in running.items():
        for message in messages:
            trained += len(message.epochs)
            if conductor.heard(message):
                break
        assert key in search.checkpoints
    assert trained == sum(len(epochs) for epochs in search.checkpoints.values()) > 2
    assert conductor.next() is None and conductor.behind and not conductor.over and not conductor.exhausted()
    assert time.monotonic() - begun < 10
    proxy.behave("pass")
    while (trial := conductor.next()) is None:
        time.sleep(0.02)
    assert trial.number == 2
    assert [known.state for known in search.snapshot().trials] == ["completed", "completed", "running"]


@pytest.mark.cluster
def test_after_its_patience_a_search_ends_and_another_driver_goes_on(
    search: OnServer, proxy: Proxy, unbroken: list[tuple[object, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(clerk.PATIENCE, "0.5")
    conductor = search.conductor(**BUDGET)
    search.listener = after(3, lambda: proxy.behave("refuse"))
    search.work(conductor, slots=1)
    assert isinstance(conductor.failure, StudyUnreachable) and conductor.failure.exit_code == 4
    conductor.close({})
    search.opened.close()
    proxy.behave("pass")
    search.listener = lambda trial: None
    search.work(search.conductor(**BUDGET), slots=1)
    told = [trial for trial in story(search.snapshot()) if trial[4] in ("completed", "pruned")]
    assert told == [trial for trial in unbroken if trial[4] in ("completed", "pruned")]


def test_a_driver_that_lost_the_study_while_the_database_was_away_ends_busy(
    search: OnServer, proxy: Proxy, postgres: Postgres
) -> None:
    conductor = search.conductor(trials=12)

    def overtaken() -> None:
        with postgres.connect() as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'convoy'")
        search.opened.enter_context(claimed(search.url, STUDY, {**OWNER, "process": {"pid": 42, "started": 6.0}}))

    search.listener = after(3, overtaken)
    search.work(conductor, slots=2)
    assert isinstance(conductor.failure, StudyBusy) and "process 42" in str(conductor.failure)
    before = search.snapshot()
    conductor.close({})
    assert search.snapshot() == before


@pytest.mark.cluster
def test_a_search_asked_to_end_while_the_database_is_away_does_so_within_seconds(
    search: OnServer, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clerk, "_HURRY_SECONDS", 0.2)
    conductor = search.conductor(trials=12)
    search.listener = after(2, lambda: proxy.behave("refuse"))
    search.while_behind = lambda: conductor.stop("SIGINT")
    begun = time.monotonic()
    search.work(conductor, slots=2)
    conductor.close({})
    assert time.monotonic() - begun < 10


def test_a_conductor_says_why_it_cannot_go_on_as_one_line(
    search: OnServer, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(clerk.PATIENCE, "0.2")
    conductor: Conductor = search.conductor(trials=12)
    proxy.behave("refuse")
    search.work(conductor)
    assert "E410 the study's database at postgresql://127.0.0.1" in str(conductor.failure)
    assert Postgres.PASSWORD not in str(conductor.failure) and "run the same command again" in str(conductor.failure)


def test_a_search_that_ends_while_the_database_is_away_reselects_when_it_is_back(search: OnServer, proxy: Proxy) -> None:
    conductor = search.conductor(trials=2)
    params = SearchParams.model_validate({"trials": 2})
    study = search.study
    phases = decisions.phases(conductor, params, study, lambda: plan(study.snapshot(), params.reselect, 0), {}, None)
    search.listener = after(2, lambda: proxy.behave("refuse"))
    turns: list[float] = []

    def another_turn() -> None:
        turns.append(time.monotonic())
        if len(turns) == 20:
            proxy.behave("pass")

    search.while_behind = another_turn
    search.work(phases)
    assert turns[19] - turns[0] < 5 and "is back" in search.said[-1]
    assert [rerun.run.state for rerun in search.snapshot().reruns] == ["completed"] * 4
