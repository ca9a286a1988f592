"""A search for more than the metric: what is known of each network, what is told to the sampler, and who is stopped."""

from __future__ import annotations

from pathlib import Path

import optuna
import pytest

from pipeline.errors import NothingFits
from pipeline.search.conductor import Conductor
from pipeline.search.execution.messages import Message
from pipeline.search.tally import Tally
from pipeline.study.records import TrialRecord
from tests.search.driving import FIRST, SPACE, STUDY, Search, epoch, story

NINE_EPOCHS = SPACE.replace("{type: int, low: 1, high: 9}", "9")
BOTH = ("parameters", "latency_ms")


def layers(trial: TrialRecord) -> float:
    """Milliseconds: one a layer."""
    return float(trial.hyperparameters["model.num_conv_layers"])


def told(search: Search) -> list[optuna.trial.FrozenTrial]:
    return optuna.load_study(study_name=STUDY, storage=search.url).get_trials()


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "random", "qmc"])
def test_every_finished_trial_is_told_with_all_its_values_and_every_stopped_one_without(tmp_path: Path, sampler: str) -> None:
    search = Search(tmp_path, objectives=BOTH, latency=layers)
    conductor = search.conductor(trials=16, sampler=sampler, stopping="asha", tpe={"startup_trials": 4})
    search.work(conductor, slots=3)
    conductor.close({})
    trials = search.snapshot().trials
    assert {trial.state for trial in trials} == {"completed", "pruned"}
    for trial, heard in zip(trials, told(search), strict=True):
        assert trial.costs == {"parameters": 100 * layers(trial), "latency_ms": layers(trial)}
        if trial.state == "completed":
            assert heard.values == [trial.value, *trial.costs.values()]
        else:
            assert (heard.values, heard.state.name) == (None, "PRUNED")


@pytest.mark.parametrize("sampler", ["tpe", "nsga2"])
@pytest.mark.parametrize("heard", [True, False])
def test_a_killed_search_goes_on_as_an_unbroken_one(tmp_path: Path, sampler: str, heard: bool) -> None:
    settings = {"trials": 9, "sampler": sampler, "stopping": "asha", "tpe": {"startup_trials": 3}, "nsga2": {"population": 3}}
    for name in ("unbroken", "broken"):
        (tmp_path / name).mkdir()
    unbroken = Search(tmp_path / "unbroken", objectives=BOTH, latency=layers)
    unbroken.work(unbroken.conductor(**settings))
    broken = Search(tmp_path / "broken", objectives=BOTH, latency=layers)
    for epochs in (3, 8):
        broken.work(broken.conductor(**settings), epochs=epochs, heard=heard)
    broken.work(broken.conductor(**settings))
    assert story(broken.snapshot()) == story(unbroken.snapshot())
    assert [t.costs for t in broken.snapshot().trials] == [t.costs for t in unbroken.snapshot().trials]


def test_latency_is_what_was_heard_first_and_is_committed_before_any_epoch(tmp_path: Path) -> None:
    search = Search(tmp_path, objectives=("latency_ms",))
    conductor = search.conductor(trials=2)
    conductor.next()
    assert not conductor.heard(Message(FIRST, latency_ms=3.0))
    assert search.snapshot().trials[0].costs == {"latency_ms": 3.0}
    conductor.heard(Message(FIRST, latency_ms=9.0))  # its worker died and another took over
    conductor.heard(Message(FIRST, [epoch(1, 0.5)]))
    assert search.snapshot().trials[0].costs == {"latency_ms": 3.0}


def test_the_smallest_network_is_never_stopped_however_little_it_reaches(tmp_path: Path) -> None:
    found = []
    for objectives in ((), ("parameters",)):
        (tmp_path / f"{len(objectives)}").mkdir()
        search = Search(tmp_path / f"{len(objectives)}", NINE_EPOCHS, objectives=objectives)
        conductor = search.conductor(trials=20, sampler="random", stopping="asha")
        search.work(conductor)
        conductor.close({})
        small = [trial for trial in search.snapshot().trials if trial.hyperparameters["model.num_conv_layers"] == 1]
        found.append(max(small, key=lambda trial: trial.epochs[0].val_accuracy or 0.0).state)
    assert found == ["pruned", "completed"]


def test_a_network_over_the_latency_limit_ends_before_its_first_epoch_and_is_not_counted(tmp_path: Path) -> None:
    search = Search(tmp_path, latency=layers)
    search.work(search.conductor(trials=5, sampler="random", limits={"latency_ms": 4.0}), slots=2)
    trials = search.snapshot().trials
    fast = [trial for trial in trials if layers(trial) <= 4]
    assert {trial.state for trial in fast} == {"completed"} and len(fast) == 5 < len(trials)
    slow = [trial for trial in trials if layers(trial) > 4]
    assert {(trial.state, len(trial.epochs)) for trial in slow} == {("infeasible", 0)}
    assert slow[0].reason == f"latency: {layers(slow[0]):g} ms, but search.limits.latency_ms is 4"
    assert {tuple(heard.constraints) for heard in told(search) if heard.number == slow[0].number} == {("infeasible",)}


def test_when_every_network_is_over_the_latency_limit_the_search_ends_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.search.conductor.INFEASIBLE_IN_A_ROW", 7)
    search = Search(tmp_path, latency=layers)
    conductor = search.conductor(trials=5, sampler="random", limits={"latency_ms": 0.5})
    search.work(conductor)
    assert isinstance(conductor.failure, NothingFits) and "search.limits.latency_ms is 0.5" in conductor.failure.why
    assert len(search.snapshot().trials) == 7


def test_a_plateau_of_several_objectives_is_a_row_of_trials_that_do_not_come_onto_the_front(tmp_path: Path) -> None:
    def ended(number: int, value: float, parameters: float) -> TrialRecord:
        costs = {"parameters": parameters}
        return TrialRecord(str(number), number, "completed", {}, 0, value, "", 0.0, 1.0, (), (), costs=costs)

    tally = Tally("maximize", [ended(0, 0.9, 9.0), ended(1, 0.5, 5.0), ended(2, 0.4, 6.0)], ["parameters"])
    assert [trial.number for trial in tally.front] == [0, 1] and tally.used(0.0).since_best == 1
    tally.ended(ended(3, 0.5, 1.0))
    assert [trial.number for trial in tally.front] == [0, 3] and tally.used(0.0).since_best == 0
    assert tally.best is not None and tally.best.number == 0
    assert Tally("maximize", [ended(0, 0.9, 9.0), ended(1, 0.5, 5.0)]).used(0.0).since_best == 1


def test_progress_counts_the_front(tmp_path: Path) -> None:
    search = Search(tmp_path, objectives=("parameters",))
    conductor: Conductor = search.conductor(trials=6, sampler="random")
    search.work(conductor)
    keys = {trial.key for trial in conductor.progress().front}
    assert keys == search.snapshot().front() != frozenset()
