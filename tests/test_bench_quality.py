"""A tiny sample of benchmarks/bench_quality.py: what its figures rest on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import bench_quality
import pytest
import quality_arms
import quality_problems
from bench_quality import ARMS, Job, run, simulate, summary, table

from pipeline.study import store
from pipeline.training.hyperparameters import Value

SMALL = quality_problems.synthetic(0, count=30, epochs=9)


@pytest.mark.parametrize("arm", ARMS)
def test_every_arm_trains_exactly_its_budget_and_hands_something_out(arm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[tuple[str, int]] = []
    made = quality_arms.arm(arm, SMALL, 0, lambda: 0.0)
    hear = made.hear

    def counted(key: str, epoch: int, accuracy: float) -> bool:
        heard.append((key, epoch))
        return hear(key, epoch, accuracy)

    monkeypatch.setattr(made, "hear", counted)
    monkeypatch.setattr(quality_arms, "arm", lambda *_: made)
    regrets = simulate(Job(arm, SMALL.name, 0, (20, 60), workers=2), SMALL)
    assert len(heard) == len(set(heard)) == 60
    assert len(regrets) == 2 and all(0 <= regret < 1 for regret in regrets)


def test_a_study_repeats_itself() -> None:
    job = Job("convoy", SMALL.name, 3, (40, 80), workers=2)
    assert simulate(job, SMALL) == simulate(job, SMALL) != simulate(replace(job, seed=5), SMALL)


def test_the_study_in_memory_decides_as_the_one_on_disk(tmp_path: Path) -> None:
    on_disk, _ = store.create(f"sqlite:///{tmp_path / 'studies.db'}", quality_arms.ROW)
    assert _asked(on_disk) == _asked(quality_arms.MemoryStudy())


def _asked(study: store.Study) -> list[Mapping[str, Value]]:
    """What Convoy tries in a short search."""
    arm = quality_arms.Convoy(study, SMALL, 0, lambda: 0.0, {})
    look_up, tried = SMALL.begin(), []
    for _ in range(15):
        key, values = arm.ask()
        tried.append(values)
        curve = look_up(values)
        for epoch, accuracy in enumerate(curve, start=1):
            if arm.hear(key, epoch, accuracy):
                break
    return tried


def test_ray_tells_optuna_that_a_stopped_trial_is_complete() -> None:
    arm = quality_arms.PlainRay(SMALL, 0)
    for accuracy in (0.9, 0.1):
        key, _ = arm.ask()
        stopped = arm.hear(key, 1, accuracy)
    assert stopped
    assert [(trial.state.name, trial.value) for trial in arm._searcher._ot_study.trials][1] == ("COMPLETE", 0.1)


def test_a_table_trains_each_row_once_until_all_are_trained() -> None:
    look_up = SMALL.begin()
    values = dict.fromkeys(SMALL.domains, 0.5)
    assert len({look_up(values) for _ in range(30)}) == 30
    assert look_up(values) in {SMALL.begin()(values)}


def test_results_are_kept_and_not_simulated_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = [Job(arm, SMALL.name, seed, (20,), 2) for arm in ("random", "convoy") for seed in range(2)]
    first = run(jobs, {SMALL.name: SMALL}, 1, tmp_path / "results.jsonl")
    monkeypatch.setattr(bench_quality, "simulate", lambda job, problem: pytest.fail("simulated again"))
    assert run(jobs, {SMALL.name: SMALL}, 1, tmp_path / "results.jsonl") == first


def test_the_tables_say_on_how_many_sets_convoy_is_lower() -> None:
    results = {
        Job(arm, problem, seed, (10, 20), 2): (0.2, value + seed / 10)
        for arm, problem, value in [("random", "a", 0.3), ("random", "b", 0.1), ("convoy", "a", 0.1), ("convoy", "b", 0.1)]
        for seed in range(2)
    }
    text = list(summary(results, ["random", "convoy"]))
    assert "| random | 0.2000 ± 0.0000; convoy lower on 0 of 2 | 0.2500 ± 0.0500; convoy lower on 1 of 2 |" in text
    assert "| convoy | 0.2000 ± 0.0000 | 0.1500 ± 0.0500 |" in text
    assert "| a | 0.3500 ± 0.0707 | 0.1500 ± 0.0707 |" in list(table(results, ["random", "convoy"]))


def test_settings_of_an_arm_are_sections_of_params_yaml() -> None:
    assert quality_arms.settings("sampler=gp,asha.rungs=3,median.first_share=0.2") == {
        "sampler": "gp",
        "asha": {"rungs": 3},
        "median": {"first_share": 0.2},
    }
