from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.study import store
from pipeline.study.records import Rerun, StudyRow, TrialRecord
from pipeline.study.reruns import Reruns
from tests.search.driving import epoch
from tests.study.plain import seen_by_optuna

ROW = StudyRow("00112233aabbccdd", 1.0, "val_accuracy", {"data": "d"}, {}, 0.0, False)
OTHER = replace(ROW, study_id="ffff2233aabbccdd", created_at=2.0)


@pytest.fixture
def url(study_url: str) -> str:
    for row in (ROW, OTHER):
        store.create(study_url, row)
    return study_url


@pytest.fixture
def reruns(url: str) -> Reruns:
    return Reruns(url, ROW.study_id)


def rerun(repeat: int = 0, fold: int | None = None) -> Rerun:
    key = f"00112233-0004-s{repeat}"
    run = TrialRecord(key, 4, "interrupted", {"train.epochs": 2}, 7 + repeat, None, "", 0.0, None, (), ())
    return Rerun(run, "00112233-0004", repeat, fold)


def read(url: str) -> tuple[Rerun, ...]:
    return store.read(url, ROW.study_id).reruns


def test_a_rerun_is_committed_with_its_key_and_seed_before_it_trains_and_optuna_never_hears_of_it(
    url: str, reruns: Reruns
) -> None:
    reruns.begin(rerun(fold=3))
    (found,) = read(url)
    assert (found.run.key, found.run.number, found.run.seed, found.run.state) == ("00112233-0004-s0", 4, 7, "running")
    assert (found.trial_key, found.repeat, found.fold, found.run.hyperparameters) == ("00112233-0004", 0, 3, {"train.epochs": 2})
    assert seen_by_optuna(url, ROW.study_id)[1] == []
    assert store.read(url, ROW.study_id).trials == ()


def test_the_end_is_committed_with_what_the_network_said_and_a_snapshot_does_not_carry_it(url: str, reruns: Reruns) -> None:
    reruns.begin(rerun(0))
    reruns.begin(rerun(1))
    reruns.add_epoch("00112233-0004-s0", epoch(1, 0.5))
    reruns.finish("00112233-0004-s0", "completed", value=0.5, outcomes=b"said")
    reruns.finish("00112233-0004-s1", "diverged", reason="diverged in epoch 1")
    first, second = read(url)
    assert (first.run.state, first.run.value, first.run.epochs) == ("completed", 0.5, (epoch(1, 0.5),))
    assert first.run.ended_at is not None and len(first.run.committed_at) == 1
    assert (second.run.state, second.run.value, second.run.reason) == ("diverged", None, "diverged in epoch 1")
    assert reruns.outcomes() == {"00112233-0004-s0": b"said"}
    assert reruns.read() == (first, second)


def test_what_runs_is_put_aside_and_taken_up_again_and_what_ended_stays(url: str, reruns: Reruns) -> None:
    for repeat in range(2):
        reruns.begin(rerun(repeat))
    reruns.finish("00112233-0004-s0", "completed", value=0.5, outcomes=b"said")
    reruns.put_aside()
    assert [one.run.state for one in read(url)] == ["completed", "interrupted"]
    reruns.resume("00112233-0004-s1")
    assert [one.run.state for one in read(url)] == ["completed", "running"]


def test_studies_do_not_share_reruns(url: str, reruns: Reruns) -> None:
    reruns.begin(rerun())
    other = Reruns(url, OTHER.study_id)
    other.begin(rerun())
    other.finish("00112233-0004-s0", "failed", reason="x")
    other.put_aside()
    assert [one.run.state for one in read(url)] == ["running"]
    assert reruns.outcomes() == other.outcomes() == {}
