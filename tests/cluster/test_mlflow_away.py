"""Every way in which a real MLflow server can be away, behind a connection that misbehaves: nothing is lost or doubled."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from mlflow import MlflowClient

from pipeline import clocks
from pipeline.study.records import StudySnapshot
from pipeline.tracking import follow as following
from pipeline.tracking import server_clock
from pipeline.tracking.follow import follow
from tests.cluster.proxy import Proxy
from tests.cluster.servers import MlflowServer
from tests.tracking.studies import Runs, study, trial

AWAY = ("refuse", "silent", "hole", "reset", "cut", "deaf", "trickle", "busy", "broken")
TRIALS = 4


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    folder = tmp_path_factory.mktemp("mlflow")
    with MlflowServer(folder, f"sqlite:///{folder / 'mlflow.db'}", auth=False) as running:
        yield running


@pytest.fixture
def proxy(server: MlflowServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setattr(following, "_PAUSES", 0)
    monkeypatch.setattr(following, "_LONGEST_PAUSE", 0.1)
    with Proxy(server.port) as between:
        yield between


def growing(name: str) -> list[StudySnapshot]:
    """A study of its own, trial by trial."""
    trials = [replace(trial(number), key=f"{name:0<8.8}-{number:04d}") for number in range(TRIALS)]
    return [replace(study(*trials[: count + 1]), study_id=f"{name:0<16.16}") for count in range(TRIALS)]


def shown(server: MlflowServer, experiment: str) -> dict[str, list[int]]:
    """Trial key → the steps of its curve, of every run that there is; a second run of a trial is an error here."""
    client = MlflowClient(server.address)
    found: dict[str, list[int]] = {}
    for run in client.search_runs([client.get_experiment_by_name(experiment).experiment_id]):
        if run.data.tags["convoy.kind"] == "trial":
            assert run.data.tags["convoy.trial_key"] not in found, "two runs of one trial"
            steps = [step for step, _, _ in Runs(server.address).history(run, "val_accuracy")]
            found[run.data.tags["convoy.trial_key"]] = steps
    return found


def expected(snapshot: StudySnapshot) -> dict[str, list[int]]:
    return {trial.key: [epoch.epoch for epoch in trial.epochs] for trial in snapshot.trials}


@pytest.mark.parametrize("mode", [mode if mode == "refuse" else pytest.param(mode, marks=pytest.mark.cluster) for mode in AWAY])
def test_what_happened_while_it_was_away_is_there_when_it_is_back(server: MlflowServer, proxy: Proxy, mode: str) -> None:
    snapshots = growing(mode)
    now = [snapshots[0]]
    follower = follow(lambda: now[0], f"http://127.0.0.1:{proxy.port}", mode, pause_seconds=0.05)
    deadline = time.monotonic() + 20
    while follower._passes == 0 and time.monotonic() < deadline:
        time.sleep(0.02)
    proxy.behave(mode)
    for snapshot in snapshots:
        now[0] = snapshot
        time.sleep(0.3)
    proxy.behave("pass")
    followed = follower.stop()
    assert followed.problem is None, followed.problem
    assert shown(server, mode) == expected(snapshots[-1])


def test_the_clock_of_its_server_is_looked_at_once(
    server: MlflowServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert server_clock.warning(server.address) == server_clock.warning("sqlite:///mlflow.db") == ""
    assert re.search(r"is 3[56]\d\d s ahead of", server_clock.warning(server.address, lambda: time.time() - 3600))
    monkeypatch.setattr(clocks, "SKEW_SECONDS", -1.0)
    followed = follow(lambda: study(trial(0)), server.address, "clock", pause_seconds=0.05).stop()
    assert followed.problem is None
    assert capsys.readouterr().out.count("the clock of MLflow's server 127.0.0.1 is ") == 1


@pytest.mark.parametrize("every", [3, *(pytest.param(every, marks=pytest.mark.cluster) for every in (2, 5, 7, 11))])
def test_answers_that_are_lost_after_the_commit_leave_one_run_a_trial(server: MlflowServer, proxy: Proxy, every: int) -> None:
    name = f"lost{every}"
    snapshots = growing(name)
    now = [snapshots[0]]
    proxy.lose(b"HTTP/1.1 200", every)
    follower = follow(lambda: now[0], f"http://127.0.0.1:{proxy.port}", name, pause_seconds=0.02)
    for count, snapshot in enumerate(snapshots):
        now[0], deadline = snapshot, time.monotonic() + 10
        while proxy.lost <= count and time.monotonic() < deadline:
            time.sleep(0.02)
    lost = proxy.lost
    proxy.behave("pass")
    followed = follower.stop()
    assert lost >= TRIALS and followed.problem is None
    assert shown(server, name) == expected(snapshots[-1])


@pytest.mark.parametrize("mode", ["hole", pytest.param("trickle", marks=pytest.mark.cluster)])
def test_a_search_that_ends_while_it_is_away_does_not_wait_for_it(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setattr(following, "_STUCK_SECONDS", 3.0)
    proxy.behave(mode)
    begun = time.monotonic()
    followed = follow(lambda: study(trial(0)), f"http://user:canary@127.0.0.1:{proxy.port}", "e", pause_seconds=0.05).stop()
    assert time.monotonic() - begun < 10
    assert followed.problem is not None and "canary" not in str(followed.problem)
