from __future__ import annotations

from dataclasses import replace

import optuna
import pytest

from pipeline.study import store, studies, told
from pipeline.study.records import Outcome, StudyRow, TrialRecord
from pipeline.training.metrics import EpochMetrics
from tests.study.plain import seen_by_optuna

ROW = StudyRow("00112233aabbccdd", 1.0, "val_accuracy", {"data": "d", "space": "s"}, {"commit": "c"}, 0.0, False)


SEVERAL = replace(ROW, study_id="aabbccdd00112233", identity={**ROW.identity, "objectives": "parameters,latency_ms"})


@pytest.fixture
def url(study_url: str) -> str:
    return study_url


@pytest.fixture
def study(url: str) -> store.Study:
    return store.create(url, ROW)[0]


def suggest(trial: optuna.Trial) -> dict[str, bool | int | float | str]:
    return {"train.learning_rate": trial.suggest_float("train.learning_rate", 0, 1), "train.epochs": 4}


def ask(study: store.Study, first_points: tuple[dict[str, float], ...] = ()) -> TrialRecord:
    number = study.next_number
    return study.ask(suggest, optuna.samplers.RandomSampler(seed=number), 7 + number, first_points=first_points)


def epoch(number: int, accuracy: float) -> EpochMetrics:
    return EpochMetrics(number, 1.0, 1.0, accuracy, accuracy, accuracy, accuracy, 0.1)


def optuna_trial(url: str, number: int) -> optuna.trial.FrozenTrial:
    return seen_by_optuna(url, ROW.study_id)[1][number]


def test_a_trial_is_committed_with_its_key_before_it_trains(url: str, study: store.Study) -> None:
    trial = ask(study)
    assert (trial.key, trial.number, trial.seed, trial.state) == ("00112233-0000", 0, 7, "running")
    assert store.read(url, ROW.study_id).trials == (trial,)


def test_a_finished_trial_is_told_complete_with_its_value(url: str, study: store.Study) -> None:
    trial = ask(study)
    study.add_epoch(trial.key, epoch(1, 0.5), stop=False)
    study.finish(trial.key, Outcome("completed", value=0.5), share=100, last=0.5)
    told = optuna_trial(url, 0)
    assert (told.state.name, told.value) == ("COMPLETE", 0.5)
    assert store.read(url, ROW.study_id).trials[0].epochs == (epoch(1, 0.5),)


def test_with_several_objectives_a_finished_trial_is_told_complete_with_all_its_values(url: str) -> None:
    study, _ = store.create(url, SEVERAL)
    first, again = ask(study), ask(study)
    study.learn(first.key, {"parameters": 900.0})
    study.learn(first.key, {"latency_ms": 1.5})
    study.finish(first.key, Outcome("completed", value=0.5), share=100, last=0.5)
    study.finish(again.key, Outcome("repeated", earlier=first.key))
    directions, trials = seen_by_optuna(url, SEVERAL.study_id)
    assert directions == ["MAXIMIZE", "MINIMIZE", "MINIMIZE"]
    assert [(trial.state.name, trial.values) for trial in trials] == [("COMPLETE", [0.5, 900.0, 1.5])] * 2
    record = study.snapshot().trials[0]
    assert (record.value, record.costs) == (0.5, {"parameters": 900.0, "latency_ms": 1.5})
    assert study.snapshot().front() == {first.key}


def test_an_interrupted_trial_waits_and_is_resumed_under_its_key(url: str, study: store.Study) -> None:
    trial = ask(study)
    study.interrupt(trial.key)
    assert (optuna_trial(url, 0).state.name, study.snapshot().trials[0].state) == ("WAITING", "interrupted")
    study.resume(trial.key)
    assert ask(study).number == 1
    assert [record.state for record in study.snapshot().trials] == ["running", "running"]


def test_an_outcome_committed_but_not_told_is_told_when_the_study_opens(
    url: str, study: store.Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = ask(study)
    with monkeypatch.context() as killed:
        killed.setattr(told, "tell", lambda *told: None)  # the driver dies between the two
        study.finish(trial.key, Outcome("pruned"), share=50, last=0.3)
    assert optuna_trial(url, 0).state.name == "RUNNING"
    store.create(url, ROW)
    assert optuna_trial(url, 0).state.name == "PRUNED"


def test_a_trial_asked_for_but_not_committed_keeps_its_number_and_values(url: str, study: store.Study) -> None:
    class Killed(Exception):
        pass

    seen: list[float] = []

    def dies(trial: optuna.Trial) -> dict[str, bool | int | float | str]:
        seen.append(trial.suggest_float("train.learning_rate", 0, 1))
        raise Killed

    with pytest.raises(Killed):
        study.ask(dies, optuna.samplers.RandomSampler(seed=0), seed=0)
    assert study.snapshot().trials == ()
    again = ask(store.create(url, ROW)[0])
    assert (again.number, again.hyperparameters["train.learning_rate"]) == (0, seen[0])


def test_each_first_point_is_tried_once_even_when_their_order_changes(study: store.Study) -> None:
    rate = "train.learning_rate"
    one, two, three = ({rate: value} for value in (0.1, 0.2, 0.3))
    orders = [(one, two), (two, one, three), (three, two, one), (one, two, three)]
    rates = [ask(study, order).hyperparameters[rate] for order in orders]
    assert rates[:3] == [0.1, 0.2, 0.3] and rates[3] not in rates[:3]


def test_first_points_come_first(study: store.Study) -> None:
    points = ({"train.learning_rate": 0.25}, {"train.learning_rate": 0.75})
    rates = [ask(study, points).hyperparameters["train.learning_rate"] for _ in range(3)]
    assert rates[:2] == [0.25, 0.75] and rates[2] not in (0.25, 0.75)


def test_a_reader_sees_at_each_call_what_has_happened_since(url: str, study: store.Study) -> None:
    look = store.reader(url, ROW.study_id)
    first, second = ask(study), ask(study)
    study.add_epoch(first.key, epoch(1, 0.5), stop=False)
    assert look() == store.read(url, ROW.study_id)
    study.add_epoch(first.key, epoch(2, 0.6), stop=False)
    study.finish(first.key, Outcome("completed", value=0.6), share=100, last=0.6)
    study.interrupt(second.key)
    assert look() == store.read(url, ROW.study_id)
    study.resume(second.key)
    study.add_epoch(second.key, epoch(1, 0.7), stop=True)
    study.update(seconds_used=1.0, finished=True, facts={"commit": "d"})
    seen = look()
    assert seen == store.read(url, ROW.study_id)
    assert [(trial.state, len(trial.epochs)) for trial in seen.trials] == [("completed", 2), ("running", 1)]


def test_the_epochs_of_many_trials_are_read_whole(url: str, study: store.Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store.tables, "_LISTED_KEYS", 1)
    for number in range(3):
        study.add_epoch(ask(study).key, epoch(1, number / 4), stop=False)
    assert [trial.epochs for trial in study.snapshot().trials] == [(epoch(1, number / 4),) for number in range(3)]


def test_a_new_study_names_the_one_before_and_a_known_one_does_not(url: str, study: store.Study) -> None:
    other = StudyRow("ffff", 2.0, "val_accuracy", {"data": "other"}, {}, 0.0, False)
    assert store.create(url, other)[1] == ROW
    assert store.create(url, other)[1] is None
    assert studies.latest(url) == other
