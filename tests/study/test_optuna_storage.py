"""What a driver's sampler sees of its study, and what that costs when many trials have begun and none has ended."""

from __future__ import annotations

import random
from typing import Any, ClassVar

import optuna
import pytest
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial

from pipeline.errors import OtherVersion
from pipeline.study import store, tables
from pipeline.study.records import Outcome, StudyRow
from tests.study.plain import seen_by_optuna

ROW = StudyRow("00112233aabbccdd", 1.0, "val_accuracy", {"data": "d", "space": "s"}, {"commit": "c"}, 0.0, False)


class Looks(optuna.samplers.RandomSampler):
    """Notes the study that it is shown, for the class: a study on a server takes a copy of its sampler."""

    shown: ClassVar[list[FrozenTrial]] = []

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, Any]:
        Looks.shown = study.get_trials(deepcopy=True)
        return {}


def suggest(trial: optuna.Trial) -> dict[str, bool | int | float | str]:
    return {"train.learning_rate": trial.suggest_float("train.learning_rate", 0, 1), "train.epochs": 4}


def ask(study: store.Study) -> tuple[str, list[FrozenTrial]]:
    """The next trial, and all before it as the sampler saw them."""
    trial = study.ask(suggest, Looks(seed=study.next_number), study.next_number)
    return trial.key, Looks.shown


def test_a_sampler_sees_all_that_its_driver_has_written(study_url: str) -> None:
    study, _ = store.create(study_url, ROW)
    chance, running, aside = random.Random(0), [], []
    acts = {
        "finish": lambda key: study.finish(key, Outcome("completed", value=chance.random())),
        "fail": lambda key: study.finish(key, Outcome("diverged", reason="nan"), share=20, last=0.1),
        "pause": lambda key: study.pause(key, epochs=2, share=50, last=chance.random()),
        "interrupt": study.interrupt,
        "learn": lambda key: study.learn(key, {"parameters": chance.random()}),
        "note": lambda key: study.note(key, str(chance.random())),
        "nothing": lambda key: None,
    }
    for _ in range(60):
        known = seen_by_optuna(study_url, ROW.study_id)[1]
        key, shown = ask(study)
        assert shown == known
        running.append(key)
        for _ in range(chance.randrange(3)):
            what, key = chance.choice(list(acts)), chance.choice(running)
            acts[what](key)
            if what not in ("learn", "note", "nothing"):
                running.remove(key)
                aside += [key] if what in ("pause", "interrupt") else []
            if aside and chance.random() < 0.3:
                running.append(aside.pop(chance.randrange(len(aside))))
                study.resume(running[-1])
            running = running or [ask(study)[0]]


@pytest.mark.parametrize("waits", [True, False], ids=["waits", "trains"])
def test_what_has_not_ended_is_not_read_again_for_each_suggestion(
    study_url: str, monkeypatch: pytest.MonkeyPatch, waits: bool
) -> None:
    study, _ = store.create(study_url, ROW)
    for _ in range(20):
        key, _ = ask(study)
        if waits:
            study.pause(key, epochs=1, share=25, last=0.5)
    ask(study)
    read: list[int] = []
    build = RDBStorage._build_frozen_trial_from_trial_model

    def counted(storage: RDBStorage, trial: Any) -> FrozenTrial:
        read.append(trial.number)
        return build(storage, trial)

    monkeypatch.setattr(RDBStorage, "_build_frozen_trial_from_trial_model", counted)
    key, shown = ask(study)
    assert len(shown) == 21 and len(read) <= 2  # the trial before this one, and this one


def test_who_only_reads_sees_what_others_write(study_url: str) -> None:
    study, _ = store.create(study_url, ROW)
    key, _ = ask(study)
    read = store.reader(study_url, ROW.study_id)
    assert [trial.state for trial in read().trials] == ["running"]
    study.finish(key, Outcome("completed", value=0.5))
    ask(study)
    assert [trial.state for trial in read().trials] == ["completed", "running"]


@pytest.mark.parametrize("revision", ["v3.0.0.a", "v9.0.0.a"], ids=["earlier", "later"])
def test_tables_of_another_optuna_are_refused_with_both_versions(study_url: str, revision: str) -> None:
    store.create(study_url, ROW)
    with tables.connected(study_url) as engine, engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{revision}'")
        connection.exec_driver_sql("UPDATE version_info SET library_version = '3.6.1'")
    with pytest.raises(OtherVersion, match=f"Optuna 3.6.1 made it, this is {optuna.__version__} — install that one") as refused:
        store.read(study_url, ROW.study_id)
    assert refused.value.exit_code == 10
