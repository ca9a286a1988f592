"""MLflow is made equal to the study."""

from __future__ import annotations

import contextlib
import shutil
import socket
import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow import MlflowClient

from pipeline.errors import TrackingUnreachable
from pipeline.study.records import State, TrialRecord
from pipeline.tracking.project import Shown, project
from pipeline.tracking.views import experiment_tags
from pipeline.tracking.wanted import study_run
from tests.tracking.studies import BEGUN, Runs, epoch, finished, rerun, several, study, trial


def test_a_study_becomes_one_parent_run_with_a_nested_run_a_trial(mlflow_uri: str, runs: Runs) -> None:
    done = project(study(trial(0), trial(1, "running", epochs=1)), mlflow_uri, "convoy")

    found = runs.by_key()
    parent, first = found.pop("abcdef0123456789"), found["abcdef01-0000"]
    assert (done.created, done.epochs_sent, len(found)) == (3, 4, 2)
    assert parent.data.tags["convoy.kind"] == "study" and parent.info.status == "RUNNING"
    assert parent.data.tags["convoy.data_digest"] == "d" * 64 and parent.data.tags["convoy.space_digest"] == "e" * 64
    assert parent.data.tags["mlflow.source.git.commit"] == "f" * 40
    assert "search_spaces/cnn.yaml" in parent.data.tags["mlflow.note.content"]
    assert {run.data.tags["mlflow.parentRunId"] for run in found.values()} == {parent.info.run_id}
    assert first.data.params == {"train.epochs": "3", "train.learning_rate": "0.001", "model.skip": "False"}
    assert first.data.tags["convoy.kind"] == "trial"


def test_a_rerun_is_a_nested_run_that_names_its_trial_and_keeps_the_study_running(mlflow_uri: str, runs: Runs) -> None:
    again = rerun(trial(0, "running", epochs=1))
    project(replace(study(trial(0), finished=True), reruns=(again,)), mlflow_uri, "convoy")

    found = runs.by_key()
    parent, run = found["abcdef0123456789"], found["abcdef01-0000-s1"]
    assert (parent.info.status, run.info.status) == ("RUNNING", "RUNNING")
    assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id and run.data.tags["convoy.kind"] == "rerun"
    assert run.data.tags["convoy.rerun_of"] == "abcdef01-0000" and run.data.params["train.epochs"] == "3"

    ended = replace(study(trial(0), finished=True), reruns=(rerun(trial(0)),))
    project(ended, mlflow_uri, "convoy")
    assert project(ended, mlflow_uri, "convoy").updated == 0
    assert {run.info.status for run in runs.by_key().values()} == {"FINISHED"}
    assert len(runs.history(runs.by_key()["abcdef01-0000-s1"], "val_accuracy")) == 3


def test_with_several_objectives_runs_have_their_costs_and_say_whether_they_are_on_the_front(mlflow_uri: str, runs: Runs) -> None:
    small, large = (
        replace(trial(0), costs={"parameters": 90.0}, value=0.5),
        replace(trial(1), costs={"parameters": 900.0}, value=0.6),
    )
    best = replace(trial(2), costs={"parameters": 90.0}, value=0.7)
    shown = Shown()
    project(several(small, large), mlflow_uri, "convoy", shown)
    found = runs.by_key()
    assert [found[one.key].data.tags["convoy.front"] for one in (small, large)] == ["yes", "yes"]
    assert [(step, value) for step, _, value in runs.history(found[large.key], "parameters")] == [(1, 900.0)]
    assert found["abcdef0123456789"].data.tags["convoy.front_trials"] == "0, 1"

    project(several(small, large, best), mlflow_uri, "convoy", shown)
    found = runs.by_key()
    assert [found[one.key].data.tags["convoy.front"] for one in (small, large, best)] == ["no", "no", "yes"]
    assert project(several(small, large, best), mlflow_uri, "convoy").updated == 0


def test_reruns_on_folds_are_told_apart(mlflow_uri: str, runs: Runs) -> None:
    one = rerun(trial(0))
    folds = tuple(replace(one, fold=fold, run=replace(one.run, key=f"{one.run.key}f{fold}")) for fold in (0, 1))
    project(replace(study(trial(0), finished=True), reruns=(*folds, one)), mlflow_uri, "convoy")

    shown = {key[13:]: run for key, run in runs.by_key().items() if "-s" in key}
    assert [run.data.tags.get("convoy.fold") for _, run in sorted(shown.items())] == [None, "0", "1"]
    assert len({run.data.tags["mlflow.runName"] for run in shown.values()}) == 3
    assert shown["-s1f1"].data.tags["mlflow.runName"] == "trial 0000, new seed 2, fold 1"


def test_a_rerun_tried_again_loses_the_reason_of_its_first_end(mlflow_uri: str, runs: Runs) -> None:
    ended = study(trial(0), finished=True)
    project(replace(ended, reruns=(rerun(trial(0, "failed", reason="because")),)), mlflow_uri, "convoy")
    project(replace(ended, reruns=(rerun(trial(0, "running")),)), mlflow_uri, "convoy")

    run = runs.by_key()["abcdef01-0000-s1"]
    assert (run.info.status, run.data.tags["convoy.state"], run.data.tags.get("convoy.reason")) == ("RUNNING", "running", None)


def test_a_rerun_that_is_wanted_no_more_does_not_keep_the_study_from_its_end(mlflow_uri: str, runs: Runs) -> None:
    project(replace(study(trial(0), finished=True), reruns=(rerun(trial(0, "dropped", 1)),)), mlflow_uri, "convoy")

    statuses = {key: run.info.status for key, run in runs.by_key().items()}
    assert (statuses["abcdef0123456789"], statuses["abcdef01-0000-s1"]) == ("FINISHED", "KILLED")


def test_what_was_not_finished_says_so_in_its_name_and_how_long_it_trained(mlflow_uri: str, runs: Runs) -> None:
    project(study(trial(0), trial(1, "running", 1), trial(2, "out_of_memory", 0)), mlflow_uri, "convoy")
    project(study(trial(0), trial(1, "pruned", 2), trial(2, "out_of_memory", 0)), mlflow_uri, "convoy")

    found = [runs.by_key()[f"abcdef01-000{number}"] for number in range(3)]
    assert [run.info.run_name for run in found] == ["trial 0000", "trial 0001 pruned", "trial 0002 out of memory"]
    assert [run.data.tags.get("convoy.seconds") for run in found] == ["0.6", "0.4", None]


def test_the_note_tells_the_digests_and_leads_to_the_best_trial_and_then_to_the_winner(mlflow_uri: str, runs: Runs) -> None:
    project(study(trial(0)), mlflow_uri, "convoy")
    found = runs.by_key()
    note = found["abcdef0123456789"].data.tags["mlflow.note.content"]
    best = found["abcdef01-0000"].info
    link = f"- best: [trial 0000, val_accuracy 0.5300](#/experiments/{best.experiment_id}/runs/{best.run_id})"
    assert note.splitlines()[0] == link and f"- data digest: {'d' * 16}" in note

    tags = {"convoy.kind": "refit", "convoy.study_id": "abcdef0123456789", "convoy.trial_key": "abcdef01-0000"}
    refit = runs.client.create_run(best.experiment_id, tags=tags).info.run_id
    project(study(trial(0)), mlflow_uri, "convoy")
    lines = runs.client.get_run(found["abcdef0123456789"].info.run_id).data.tags["mlflow.note.content"].splitlines()
    assert refit in lines[0] and "train and val" in lines[0] and lines[1:] == note.splitlines()[1:]
    assert project(study(trial(0)), mlflow_uri, "convoy").updated == 0


def test_the_experiment_has_views_of_the_study_shown_last(mlflow_uri: str, runs: Runs) -> None:
    shown = Shown()
    for snapshot in (study(trial(0)), study(trial(0), trial(1))):
        project(snapshot, mlflow_uri, "convoy", shown)
        experiment = runs.client.get_experiment_by_name("convoy")
        assert experiment is not None and experiment_tags(snapshot).items() <= experiment.tags.items()


def test_each_epoch_is_a_step_with_the_time_of_its_commit(mlflow_uri: str, runs: Runs) -> None:
    project(study(trial(0)), mlflow_uri, "convoy")

    history = runs.history(runs.by_key()["abcdef01-0000"], "val_accuracy")
    assert history == [(step, int((BEGUN + step) * 1000), 0.5 + step / 100) for step in (1, 2, 3)]


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("completed", "FINISHED"),
        ("pruned", "FINISHED"),
        ("diverged", "FAILED"),
        ("failed", "FAILED"),
        ("infeasible", "FAILED"),
        ("interrupted", "KILLED"),
        ("running", "RUNNING"),
    ],
)
def test_the_status_of_a_run_says_how_the_trial_ended(mlflow_uri: str, runs: Runs, state: State, status: str) -> None:
    project(study(trial(0, state, epochs=2, reason="because")), mlflow_uri, "convoy")

    run = runs.by_key()["abcdef01-0000"]
    assert run.info.status == status
    assert (run.data.tags["convoy.state"], run.data.tags["convoy.reason"]) == (state, "because")
    assert (run.info.end_time is None) == (state == "running")


@pytest.mark.parametrize(
    ("trials", "finished", "status"),
    [
        ([], False, "RUNNING"),
        ([trial(0), trial(1, "running")], False, "RUNNING"),
        ([trial(0), trial(1, "interrupted")], False, "KILLED"),
        ([trial(0), trial(1, "failed")], False, "KILLED"),  # of so many that fail the search itself ended
        ([trial(0), trial(1, "interrupted")], True, "FINISHED"),
    ],
)
def test_the_status_of_the_study_says_whether_it_goes_on(trials: list[TrialRecord], finished: bool, status: str) -> None:
    assert study_run(study(*trials, finished=finished)).status == status


def test_a_second_projection_changes_nothing(mlflow_uri: str, runs: Runs) -> None:
    snapshot = study(trial(0), trial(1, "interrupted", 1), trial(2, "diverged", 0), finished=True)
    project(snapshot, mlflow_uri, "convoy")
    before = runs.everything()

    again = project(snapshot, mlflow_uri, "convoy")

    assert (again.created, again.updated, again.epochs_sent, again.ghosts_deleted) == (0, 0, 0, 0)
    assert runs.everything() == before


def test_only_the_epochs_that_are_missing_are_sent_and_a_resumed_trial_keeps_its_run(mlflow_uri: str, runs: Runs) -> None:
    project(study(trial(0, "interrupted", epochs=1)), mlflow_uri, "convoy")
    first = runs.by_key()["abcdef01-0000"]
    project(study(trial(0, "running", epochs=1)), mlflow_uri, "convoy")
    assert runs.by_key()["abcdef01-0000"].info.status == "RUNNING"

    done = project(study(trial(0, "completed", epochs=3), finished=True), mlflow_uri, "convoy")

    run = runs.by_key()["abcdef01-0000"]
    assert done.epochs_sent == 2
    assert (run.info.run_id, run.info.status) == (first.info.run_id, "FINISHED")
    assert run.info.end_time == int((BEGUN + 10) * 1000)
    assert [step for step, _, _ in runs.history(run, "train_loss")] == [1, 2, 3]
    assert runs.by_key()["abcdef0123456789"].info.status == "FINISHED"


def test_a_pass_that_broke_off_is_completed_by_the_next(mlflow_uri: str, runs: Runs) -> None:
    """A run without its metrics, and metrics without the tag that counts them, as a killed driver leaves them."""
    project(study(trial(0), trial(1)), mlflow_uri, "convoy")
    complete = {key: (run.data.params, runs.history(run, "val_f1_macro")) for key, run in runs.by_key().items()}
    client = runs.client
    client.delete_tag(runs.by_key()["abcdef01-0000"].info.run_id, "convoy.epochs")
    client.delete_run(runs.by_key()["abcdef01-0001"].info.run_id)
    tags = {"convoy.study_id": "abcdef0123456789", "convoy.trial_key": "abcdef01-0001", "convoy.kind": "trial"}
    client.create_run(client.get_experiment_by_name("convoy").experiment_id, tags=tags)

    project(study(trial(0), trial(1)), mlflow_uri, "convoy")

    assert {key: (run.data.params, runs.history(run, "val_f1_macro")) for key, run in runs.by_key().items()} == complete


def test_a_long_curve_goes_in_batches(mlflow_uri: str, runs: Runs) -> None:
    long = replace(
        trial(0),
        epochs=tuple(epoch(number) for number in range(1, 401)),
        committed_at=tuple(BEGUN + number for number in range(1, 401)),
        hyperparameters={"train.epochs": 400, **{f"model.option_{index}": index for index in range(130)}},
    )

    project(study(long), mlflow_uri, "convoy")

    run = runs.by_key()["abcdef01-0000"]
    assert len(run.data.params) == 131
    assert [step for step, _, _ in runs.history(run, "seconds")] == list(range(1, 401))


def test_an_infinite_loss_is_left_out(mlflow_uri: str, runs: Runs) -> None:
    burst = replace(trial(0, "diverged"), epochs=(replace(epoch(1), val_loss=float("inf")),), committed_at=(BEGUN,))

    project(study(burst), mlflow_uri, "convoy")

    metrics = runs.by_key()["abcdef01-0000"].data.metrics
    assert "val_loss" not in metrics and metrics["train_loss"] == 1.0


def test_an_emptied_mlflow_is_filled_again(mlflow_uri: str, runs: Runs) -> None:
    snapshot = study(trial(0), trial(1, "pruned", 1), finished=True)
    project(snapshot, mlflow_uri, "convoy")
    for run in runs.all():
        runs.client.delete_run(run.info.run_id)

    done = project(snapshot, mlflow_uri, "convoy")

    assert done.created == 3
    assert sorted(runs.by_key()) == ["abcdef01-0000", "abcdef01-0001", "abcdef0123456789"]


def test_a_deleted_experiment_is_restored(mlflow_uri: str, runs: Runs) -> None:
    project(study(trial(0)), mlflow_uri, "convoy")
    runs.client.delete_experiment(runs.client.get_experiment_by_name("convoy").experiment_id)

    project(study(trial(0), trial(1)), mlflow_uri, "convoy")

    assert sorted(runs.by_key()) == ["abcdef01-0000", "abcdef01-0001", "abcdef0123456789"]


def test_a_second_run_of_one_trial_is_deleted_and_counted(mlflow_uri: str, runs: Runs) -> None:
    project(study(trial(0)), mlflow_uri, "convoy")
    real = runs.by_key()["abcdef01-0000"]
    ghost = runs.client.create_run(real.info.experiment_id, start_time=1, tags=dict(real.data.tags) | {"convoy.epochs": "0"})

    done = project(study(trial(0)), mlflow_uri, "convoy")

    assert done.ghosts_deleted == 1
    assert [run.info.run_id for run in runs.all() if run.data.tags["convoy.trial_key"] == "abcdef01-0000"] == [real.info.run_id]
    assert runs.client.get_run(ghost.info.run_id).info.lifecycle_stage == "deleted"


def test_more_runs_than_one_page_holds_are_all_found(mlflow_uri: str, runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.tracking.runs._PAGE", 4)
    snapshot = study(*(trial(number, epochs=1) for number in range(10)))
    project(snapshot, mlflow_uri, "convoy")

    assert project(snapshot, mlflow_uri, "convoy").created == 0
    assert len(runs.all()) == 11


def test_studies_and_foreign_runs_of_one_experiment_leave_each_other_alone(mlflow_uri: str, runs: Runs) -> None:
    project(study(trial(0)), mlflow_uri, "convoy")
    experiment = runs.client.get_experiment_by_name("convoy").experiment_id
    runs.client.create_run(experiment, tags={"convoy.trial_key": "by hand"})
    refit = {"convoy.study_id": "abcdef0123456789", "convoy.trial_key": "abcdef01-0000", "convoy.kind": "refit"}
    runs.client.create_run(experiment, tags=refit)

    project(finished(replace(study(trial(5)), study_id="f" * 16)), mlflow_uri, "convoy")

    done = project(study(trial(0)), mlflow_uri, "convoy")

    assert len(runs.all()) == 6 and done.ghosts_deleted == 0


def test_artifacts_of_a_database_file_lie_beside_it(mlflow_uri: str, tmp_path: Path) -> None:
    done = project(study(), mlflow_uri, "convoy")

    location = MlflowClient(mlflow_uri).get_experiment(done.experiment_id).artifact_location
    assert location == (tmp_path / "mlflow" / "mlruns").as_uri()


def test_a_server_that_is_away_is_named_with_what_is_left(unused_port: int) -> None:
    begun = time.monotonic()
    with pytest.raises(TrackingUnreachable) as caught:
        project(study(trial(0), trial(1)), f"http://user:secret@127.0.0.1:{unused_port}", "convoy")

    assert time.monotonic() - begun < 15
    assert f"http://127.0.0.1:{unused_port}" in str(caught.value) and "2 of 2 trials left" in str(caught.value)
    assert "secret" not in str(caught.value)

    with pytest.raises(TrackingUnreachable, match="1 of 1 trials and 1 of 1 reruns left to sync"):
        project(replace(study(trial(0)), reruns=(rerun(trial(0)),)), f"http://127.0.0.1:{unused_port}", "convoy")


def test_a_server_that_accepts_and_never_answers_does_not_hold_the_search_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with socket.create_server(("127.0.0.1", 0)) as black_hole:
        begun = time.monotonic()
        with pytest.raises(TrackingUnreachable):
            project(study(trial(0)), f"http://127.0.0.1:{black_hole.getsockname()[1]}", "convoy")
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("place", ["a_folder", "a_file/below.db"])
def test_a_database_that_cannot_be_written_is_away_at_once(tmp_path: Path, place: str) -> None:
    (tmp_path / "a_folder").mkdir()
    (tmp_path / "a_file").touch()
    begun = time.monotonic()
    with pytest.raises(TrackingUnreachable, match="cannot write"):
        project(study(), f"sqlite:///{tmp_path / place}", "convoy")
    assert time.monotonic() - begun < 5


def test_a_database_of_another_mlflow_says_so(tmp_path: Path, migrated_mlflow: Path) -> None:
    shutil.copy(migrated_mlflow, tmp_path / "old.db")
    with contextlib.closing(sqlite3.connect(tmp_path / "old.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'cc1f77228345'")
        connection.commit()
    with pytest.raises(TrackingUnreachable, match=r"another MLflow .*— use that one, or run `mlflow db upgrade`"):
        project(study(), f"sqlite:///{tmp_path / 'old.db'}", "convoy")


def test_projecting_says_nothing(mlflow_uri: str, capfd: pytest.CaptureFixture[str]) -> None:
    project(study(trial(0)), mlflow_uri, "convoy")

    assert capfd.readouterr() == ("", "")


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_what_was_shown_before_is_passed_over_and_what_has_changed_is_sent(mlflow_uri: str, runs: Runs) -> None:
    shown, again = Shown(), rerun(trial(0))
    project(replace(study(trial(0), trial(1, "running", epochs=1)), reruns=(again,)), mlflow_uri, "convoy", shown)
    for run in runs.by_key().values():
        if run.data.tags["convoy.kind"] != "study":
            runs.client.delete_run(run.info.run_id)

    done = project(replace(study(trial(0), trial(1, "running", 2)), reruns=(again,)), mlflow_uri, "convoy", shown)
    assert (done.created, sorted(runs.by_key())) == (1, ["abcdef01-0001", "abcdef0123456789"])

    done = project(replace(study(trial(0), trial(1), trial(2, "running")), reruns=(again,)), mlflow_uri, "convoy", shown)
    assert (done.created, done.updated, done.epochs_sent, done.reruns_done) == (1, 2, 4, 1)
    assert project(study(trial(0), trial(1), trial(2)), mlflow_uri, "convoy").created == 1, "without it everything is looked up"
    assert len(runs.by_key()) == 4


def test_whoever_watches_sees_every_trial_and_rerun_taken_up(mlflow_uri: str) -> None:
    seen: list[str] = []

    def watch(taken: Sequence[TrialRecord]) -> Iterator[TrialRecord]:
        for run in taken:
            seen.append(run.key)
            yield run

    project(replace(study(trial(0), trial(1)), reruns=(rerun(trial(0)),)), mlflow_uri, "convoy", watch=watch)
    assert seen == ["abcdef01-0000", "abcdef01-0001", "abcdef01-0000-s1"]
