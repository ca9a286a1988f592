"""One writer a study on a server: known to others, gone with its process, and fenced off once it was overtaken."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import clocks
from pipeline.errors import StudyBusy, StudyUnreachable
from pipeline.study import claim as claims
from pipeline.study import store, studies, tables
from pipeline.study.claim import Claim, claimed
from pipeline.study.holder import Holder
from tests.cluster.servers import Postgres
from tests.study.test_store import ROW, ask, epoch

OWNER = {"process": {"pid": 41, "started": 5.0}, "host": "there", "command": "python -m pipeline search"}
OTHER = {**OWNER, "process": {"pid": 42, "started": 6.0}, "host": "elsewhere"}
HOLDING = """
import sys, time
from pipeline.study.claim import claimed
with claimed(sys.argv[1], sys.argv[2], {"process": {"pid": 43, "started": 7.0}, "host": "here", "command": "c"}):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def url(postgres: Postgres) -> str:
    return postgres.create(uuid.uuid4().hex)


@pytest.fixture
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with Postgres(tmp_path_factory.mktemp("own")) as server:
        yield server


def end_connections(server: Postgres) -> None:
    with server.connect() as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'convoy'")


def test_a_second_driver_is_refused_and_told_who_holds_the_study(url: str) -> None:
    with claimed(url, ROW.study_id, OWNER):
        with pytest.raises(StudyBusy, match=r"process 41@there .python -m pipeline search. has been searching on it for"):
            Claim(url, ROW.study_id, OTHER)
        with claimed(url, "another study", OTHER):
            assert claims.holders(url) == {
                ROW.study_id: Holder(41, "there", "python -m pipeline search", 5.0),
                "another study": Holder(42, "elsewhere", "python -m pipeline search", 6.0),
            }
    assert claims.holders(url) == {}
    with claimed(url, ROW.study_id, OTHER):
        pass


def test_the_clock_of_its_server_is_looked_at(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    with claimed(url, ROW.study_id, OWNER, told.append) as claim:
        assert claim is not None and abs(claim.clock().ahead) < 1 and told == []
    monkeypatch.setattr(clocks, "SKEW_SECONDS", -1.0)
    with claimed(url, ROW.study_id, OWNER, told.append):
        (line,) = told
    assert line.startswith("the clock of the study's database at postgresql://") and "@" not in line


def test_a_file_needs_none(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path / 'studies.db'}"
    with claimed(address, ROW.study_id, OWNER) as claim:
        assert claim is None and claims.holders(address) == {}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_server_drops_it_with_its_process(url: str, number: int) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", HOLDING, url, ROW.study_id]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        assert claims.holders(url)[ROW.study_id].pid == 43
        process.send_signal(number)
    deadline = time.monotonic() + 5
    while claims.holders(url):
        assert time.monotonic() < deadline
    Claim(url, ROW.study_id, OTHER).release()


def test_after_a_restart_of_the_server_it_is_taken_again_before_anything_is_written(own_server: Postgres) -> None:
    url = own_server.create("studies")
    with claimed(url, ROW.study_id, OWNER) as claim:
        assert claim is not None
        study, _ = store.create(url, ROW, claim)
        own_server.stop()
        own_server.start()
        assert claims.holders(url) == {}
        claim.suspect()
        trial = ask(study)
        study.settle()
        assert claims.holders(url)[ROW.study_id].pid == 41
        assert [known.key for known in store.read(url, ROW.study_id).trials] == ["00112233-0000"]
        assert trial is None or trial.key == "00112233-0000"
        study.close()


def test_a_driver_that_was_overtaken_ends_and_never_writes_again(postgres: Postgres, url: str) -> None:
    with claimed(url, ROW.study_id, OWNER) as claim:
        assert claim is not None
        study, _ = store.create(url, ROW, claim, tell=lambda line: None)
        trial = ask(study)
        end_connections(postgres)
        with claimed(url, ROW.study_id, OTHER):
            study.add_epoch(trial.key, epoch(1, 0.5), stop=False)
            with pytest.raises(StudyBusy, match="process 42"):
                study.settle()
        study.add_epoch(trial.key, epoch(2, 0.5), stop=False)
        with pytest.raises(StudyBusy, match="process 42"):  # also when the other one has gone
            study.settle()
        assert store.read(url, ROW.study_id).trials[0].epochs == ()


def test_what_an_overtaken_driver_still_sends_is_refused_inside_its_transaction(url: str) -> None:
    """Without a look at the lock before: as of a commit that was on its way when it was lost."""
    with claimed(url, ROW.study_id, OWNER) as claim:
        assert claim is not None
        engine = tables.connect(url)
        claim.guard(engine)
        tables.insert_epoch(engine, ROW.study_id, "t-1", epoch(1, 0.5), 5.0, stop=False)
        claim.release()
        with claimed(url, ROW.study_id, OTHER), pytest.raises(StudyBusy, match="process 42 on elsewhere took it over"):
            tables.insert_epoch(engine, ROW.study_id, "t-1", epoch(2, 0.5), 5.0, stop=False)
        engine.dispose()
    with tables.connected(url) as engine:
        assert [row["epoch"] for row in tables.epoch_rows(engine, ROW.study_id)] == [1]


def test_a_lock_that_the_server_keeps_for_a_broken_connection_of_ours_is_taken_over(url: str) -> None:
    with claimed(url, ROW.study_id, OWNER) as claim:
        assert claim is not None
        kept = claim._connection  # the server sees this connection alive, and we have lost it
        assert kept is not None
        raw = kept.connection.dbapi_connection
        assert raw is not None
        claim._connection = None
        claim.suspect()
        claim.keep()
        assert claims.holders(url)[ROW.study_id].pid == 41
        raw.close()


def test_a_server_that_is_away_or_lets_nobody_in_is_named_without_the_password(own_server: Postgres) -> None:
    url = own_server.create("studies")
    wrong = url.replace(Postgres.PASSWORD, "canary")
    for address, said in ((wrong, "password authentication failed"), (url, "efused")):
        with pytest.raises(StudyUnreachable, match=said) as caught:
            studies.rows(address)
        assert "canary" not in str(caught.value) and Postgres.PASSWORD not in str(caught.value)
        assert f"127.0.0.1:{own_server.port}/studies" in str(caught.value) and caught.value.exit_code == 4
        own_server.stop()
