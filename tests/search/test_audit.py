"""What the stopping rule would have cost, from the trials that it could not stop."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.search.audit import audit, drawn, lines
from pipeline.search.stopping.asha import Asha
from pipeline.search.stopping.median import Median
from pipeline.study.records import State, StudySnapshot, TrialRecord
from pipeline.training.metrics import EpochMetrics
from tests.search.driving import SPACE, Search, epoch, story

FOUR_EPOCHS = SPACE.replace("{type: int, low: 1, high: 9}", "4")

RULE = Median()  # whose decisions are final


def trial(
    number: int, value: float, state: State = "completed", epochs: int = 4, audited: bool = False, stop_at: int | None = None
) -> TrialRecord:
    """Of four planned epochs of 0.5 s; `stop_at`: the epoch after which the rule said stop."""
    return TrialRecord(
        key=f"k-{number:04d}",
        number=number,
        state=state,
        hyperparameters={"train.epochs": 4},
        seed=0,
        value=value if state == "completed" else None,
        reason="",
        started_at=0.0,
        ended_at=1.0,
        epochs=tuple(epoch(index + 1, value) for index in range(epochs)),
        committed_at=(0.0,) * epochs,
        audited=audited,
        stops=tuple(index + 1 == stop_at for index in range(epochs)),
    )


def study(*trials: TrialRecord, metric: str = "val_accuracy") -> StudySnapshot:
    return StudySnapshot("s", 0.0, metric, {}, {}, trials, True)


PLAIN = [trial(number, 0.5 + number / 100) for number in range(15)]
STOPPED = [trial(number, 0.1, "pruned", epochs=1, stop_at=1) for number in range(15, 18)]
BEST = trial(18, 0.9, audited=True, stop_at=1)
WORST = trial(19, 0.2, audited=True, stop_at=2)


def test_an_audited_trial_in_the_top_tenth_that_the_rule_would_have_stopped_is_the_cost_of_the_rule() -> None:
    found = audit(study(*PLAIN, *STOPPED, BEST, WORST), RULE)
    assert (found.audited, found.would_stop, found.top, found.top_would_stop) == (2, 2, 1, 1)
    assert found.epochs_spent == 3 + 2


def test_what_was_stopped_saves_the_rest_of_its_plan_at_its_own_pace() -> None:
    found = audit(study(*PLAIN, *STOPPED), RULE)
    assert (found.stopped, found.epochs_trained, found.epochs_saved, found.seconds_saved) == (3, 63, 9, 4.5)
    assert found.record()["epochs_saved"] == 9 and "seconds_saved" not in found.record()


def test_with_several_objectives_the_front_is_what_should_not_be_stopped() -> None:
    small = replace(trial(18, 0.1, audited=True, stop_at=1), costs={"parameters": 1.0})
    beaten = replace(trial(19, 0.6, audited=True, stop_at=1), costs={"parameters": 10.0})
    rest = [replace(one, costs={"parameters": 9.0}) for one in PLAIN]
    found = audit(replace(study(*rest, small, beaten), identity={"objectives": "parameters"}), RULE)
    assert (found.audited, found.would_stop, found.top, found.top_would_stop) == (2, 2, 1, 1)
    assert "1 of them were on the front" in lines(found, "on the front")[0]


# (what is shown, the audited trial, trials beside the 15 plain ones of 0.50 to 0.64, is it in the top tenth of all?)
TOPS = [
    ("better than all", trial(20, 0.9, audited=True), [], True),
    ("second of 16: two are the top tenth", trial(20, 0.635, audited=True), [], True),
    ("third of 16", trial(20, 0.625, audited=True), [], False),
    ("stopped trials count as worse", trial(20, 0.625, audited=True), [trial(30 + n, 0.1, "pruned", 1) for n in range(5)], True),
    ("diverged ones do not count", trial(20, 0.625, audited=True), [trial(30 + n, 0.1, "diverged", 1) for n in range(5)], False),
    ("as good as the second", trial(20, 0.63, audited=True), [], True),
]


@pytest.mark.parametrize(("audited", "others", "top"), [row[1:] for row in TOPS], ids=[row[0] for row in TOPS])
def test_the_top_tenth_is_of_all_that_ended_in_the_order_of_their_values(
    audited: TrialRecord, others: list[TrialRecord], top: bool
) -> None:
    assert audit(study(*PLAIN, audited, *others), RULE).top == top


def test_a_low_loss_is_in_the_top_tenth() -> None:
    losses = [trial(number, 0.5 + number / 100) for number in range(15)]
    assert audit(study(*losses, trial(20, 0.1, audited=True), metric="val_loss"), RULE).top == 1
    assert audit(study(*losses, trial(20, 0.9, audited=True), metric="val_loss"), RULE).top == 0


def test_an_audited_trial_that_did_not_train_its_whole_plan_says_nothing() -> None:
    left = [trial(20, 0.9, "interrupted", 2, audited=True, stop_at=1), trial(21, 0.9, "diverged", 2, audited=True, stop_at=1)]
    assert audit(study(*PLAIN, *left), RULE).audited == 0


def test_lines_are_said_where_there_is_something_to_say() -> None:
    assert lines(audit(study(*PLAIN), RULE)) == lines(audit(study(*PLAIN, trial(20, 0.9, audited=True)), RULE)) == []
    saved, audited = lines(audit(study(*PLAIN, *STOPPED, BEST, WORST), RULE))
    assert saved == "stopping ended 3 trials: 9 of 80 epochs saved, about 0.1 min"
    assert audited.startswith("audit: of 2 trials never stopped, the rule would have ended 2; 1 of them were in the top tenth")


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 1.0])
def test_the_share_drawn_is_the_share_asked_for_and_the_same_every_time(share: float) -> None:
    drawings = [[drawn(share, seed=3, number=number) for number in range(4000)] for _ in range(2)]
    assert drawings[0] == drawings[1]
    assert sum(drawings[0]) / 4000 == pytest.approx(share, abs=0.02)
    assert share in (0.0, 1.0) or drawings[0] != [drawn(share, seed=4, number=number) for number in range(4000)]


def falling(trial: TrialRecord) -> list[EpochMetrics]:
    """Each trial is worse than the one before, so that every rule that stops anything stops it."""
    return [epoch(number, 0.9 - trial.number / 100) for number in range(1, trial.planned_epochs + 1)]


RULES = {"stopping": "asha", "trials": 12, "sampler": "random"}


def test_an_audited_trial_is_never_stopped_and_what_the_rule_said_is_kept(tmp_path: Path) -> None:
    search = Search(tmp_path, FOUR_EPOCHS, measure=falling)
    search.work(search.conductor(**RULES, audit_share=1.0))
    snapshot = search.snapshot()
    assert {trial.state for trial in snapshot.trials} == {"completed"} and all(trial.audited for trial in snapshot.trials)
    assert any(any(trial.stops) for trial in snapshot.trials)
    assert audit(snapshot, Asha()).would_stop > 0 == audit(snapshot, Asha()).stopped


def test_a_restart_audits_the_same_trials_also_under_another_share(tmp_path: Path) -> None:
    stories = []
    for name in ("unbroken", "broken"):
        (tmp_path / name).mkdir()
        search = Search(tmp_path / name, FOUR_EPOCHS, measure=falling)
        for epochs in range(1, 5) if name == "broken" else ():
            search.work(search.conductor(**RULES, audit_share=0.5), epochs=epochs)
        conductor = search.conductor(**RULES, audit_share=0.5)
        search.work(conductor)
        conductor.close({})
        stories.append([*story(search.snapshot()), [trial.audited for trial in search.snapshot().trials]])
    assert stories[0] == stories[1]
    assert {"completed", "pruned"} == {entry[4] for entry in stories[0][:-1]}


def test_a_trial_begun_as_audited_stays_so(tmp_path: Path) -> None:
    search = Search(tmp_path, FOUR_EPOCHS, measure=falling)
    search.work(search.conductor(**RULES, audit_share=1.0), epochs=4 * 8 + 1)  # in the middle of the ninth trial
    conductor = search.conductor(**RULES, audit_share=0.0)
    search.work(conductor)
    conductor.close({})
    states = [(trial.audited, trial.state) for trial in search.snapshot().trials]
    assert states[8] == (True, "completed") and states[11] == (False, "pruned")


def test_what_a_rule_tells_to_wait_it_would_have_ended_only_if_it_still_says_so() -> None:
    """Said at the time, with nobody else there, it would be both."""
    ahead, behind = trial(18, 0.9, audited=True, stop_at=1), trial(19, 0.2, audited=True, stop_at=1)
    found = audit(study(*PLAIN, ahead, behind), Asha())
    assert (found.audited, found.would_stop, found.top, found.top_would_stop, found.epochs_spent) == (2, 1, 1, 0, 3)
