from __future__ import annotations

import csv
import errno
import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from mlflow import MlflowClient
from PIL import Image

from pipeline import artifacts, layout, params
from pipeline.__main__ import main
from pipeline.commands import all_commands
from pipeline.commands.command import Command
from pipeline.commands.parser import parse
from pipeline.search.lock import study_lock
from pipeline.study import store
from pipeline.study.records import StudyRow
from tests import searches


@pytest.fixture
def here(tmp_path: Path, migrated_mlflow: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in which preprocess has run, as working directory."""
    folder = searches.write_project(tmp_path / "here", migrated_mlflow)
    monkeypatch.chdir(folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return folder


def test_check_prints_what_would_run_and_the_layers(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "model.filters=4", "--image", "16x16x3", "--classes", "5"]) == 0
    out = capsys.readouterr().out
    assert "3×16×16 pixels and 5 classes" in out and "4×16×16" in out and "trials at once" in out and "answers" in out
    assert "budget: 20 trials\n" in out


def test_check_names_the_objectives_where_there_are_several(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    searches.write_params(here, objectives=["latency_ms", "parameters"])
    assert main(["check"]) == 0
    assert "objectives: val_accuracy, parameters, latency_ms\n" in capsys.readouterr().out
    searches.write_params(here, objectives=["parameters"], sampler="gp")
    assert main(["check"]) == 2
    assert "gp knows the metric alone" in capsys.readouterr().err


def test_check_asks_the_job_server_where_searches_are_jobs(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    params = json.loads((here / "params.yaml").read_text()) | {"cluster": {"address": "http://127.0.0.1:9"}}
    (here / "params.yaml").write_text(json.dumps(params))
    assert main(["check"]) == 10
    captured = capsys.readouterr()
    assert "E002 the job server" in captured.err and "resources:" not in captured.out


def test_check_tells_everything_that_is_wrong_at_once(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space = (here / "space.yaml").read_text().replace("batch_size: 32", "batch_size: 4096")
    (here / "space.yaml").write_text(space)
    searches.write_params(here, cpus_per_trial=4096.0, tracking_uri="http://127.0.0.1:9")
    assert main(["check"]) == 2
    errors = capsys.readouterr().err
    assert {"E210", "E001", "E401"} <= {line.split()[0] for line in errors.splitlines()}
    assert "space.yaml:6:3" in errors and "60 images" in errors
    assert main(["check", "--json"]) == 2
    problems = json.loads(capsys.readouterr().out)["problems"]
    assert {"E210", "E001", "E401"} <= {problem["code"] for problem in problems}
    assert all(problem["remedy"] for problem in problems)


@pytest.mark.parametrize("image", ["16x16", "axbxc"])
def test_check_refuses_an_image_size_it_cannot_read(here: Path, capsys: pytest.CaptureFixture[str], image: str) -> None:
    assert main(["check", "--image", image]) == 2
    assert "HxWxC" in capsys.readouterr().err


def test_outside_a_project_a_stage_says_where_to_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["split"]) == 2
    assert "E212 a project" in capsys.readouterr().err


def test_an_unexpected_error_is_one_line_and_its_traceback_is_in_the_log(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(here / "data")
    (here / "data").write_text("not a folder")
    assert main(["split"]) == 1
    line = capsys.readouterr().err
    assert line.startswith("E000 NotADirectoryError") and line.count("\n") == 1
    assert "Traceback" in (here / "state/convoy.log").read_text()


def test_an_error_is_told_though_the_disk_of_the_log_is_full(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "state").mkdir(exist_ok=True)
    (here / "state/convoy.log").symlink_to("/dev/full")
    searches.write_params(here, trials=0)
    assert main(["check"]) == 2
    assert capsys.readouterr().err.startswith("E203 search.trials")


@pytest.mark.parametrize(("number", "code"), [(errno.ENOSPC, "E801"), (errno.EROFS, "E802")])
def test_a_library_that_finds_no_room_on_the_disk_is_no_defect(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int, code: str
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number), "/somewhere/file")

    monkeypatch.setattr(params, "load", refuse)  # as any library may that a command calls
    assert main(["search"]) == 8
    assert capsys.readouterr().err.startswith(f"{code} /somewhere/file — {os.strerror(number)} — ")


def test_sync_before_any_search_says_so(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sync"]) == 2
    assert "nothing was searched here yet" in capsys.readouterr().err


@pytest.mark.parametrize(("searched", "synced"), [("a" * 16, "a" * 16), ("c" * 16, "b" * 16), (None, "b" * 16)])
def test_sync_shows_the_study_of_the_present_results_or_else_the_latest(
    here: Path, capsys: pytest.CaptureFixture[str], searched: str | None, synced: str
) -> None:
    for begun, letter in enumerate("ab"):
        row = StudyRow(letter * 16, float(begun), "val_accuracy", {}, {}, 0.0, False)
        store.create(layout.study_database(here / "state"), row)
    if searched:
        artifacts.write_text(here / layout.SEARCH / "best.yaml", f"study_id: {searched}\n")
    assert main(["sync"]) == 0
    assert f"study {synced}: 0 trials in sqlite" in capsys.readouterr().out
    assert main(["sync", "--json"]) == 0
    assert {"study_id": synced, "trials_done": 0, "created": 0}.items() <= json.loads(capsys.readouterr().out).items()


def test_the_end_of_a_run_is_pulled_and_predicts_where_the_project_is_unknown(
    project: Path, mlflow_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "dvc.yaml").write_text("stages: {}\n")
    searches.write_params(project, tracking_uri=mlflow_uri)
    assert main(["register"]) == 0
    front = {"objectives": ["val_accuracy", "parameters"], "trials": [3, 12], "picture": "front.png"}
    artifacts.write_json(layout.SEARCH / "summary.json", {"front": front, "trials": {"completed": 9}})
    assert main(["status"]) == 0
    told = capsys.readouterr().out
    assert told.count("champion: convoy-bands version 1") == 2 and "front: 2 of 9 finished trials" in told
    assert main(["promote", "1", "--reason", "I like it"]) == 2 and "champion already" in capsys.readouterr().err
    assert main(["rollback", "--reason", "I do not"]) == 4 and "no version was champion before" in capsys.readouterr().err
    assert main(["history", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["reason"] == "the first version with a test result"
    MlflowClient(mlflow_uri, mlflow_uri).delete_registered_model_alias("convoy-bands", "champion")
    assert main(["promote", "1", "--reason", "I like it", "--json"]) == 0
    assert {"version": "1", "how": "promote"}.items() <= json.loads(capsys.readouterr().out).items()

    monkeypatch.chdir(tmp_path)
    assert main(["pull", "champion"]) == 2
    assert "no tracking address" in capsys.readouterr().err
    assert main(["pull", "champion", "--tracking-uri", mlflow_uri, "--int8"]) == 2
    assert "what int8 costs in accuracy cannot be measured" in capsys.readouterr().err
    Image.new("L", (8, 8), 60).save(tmp_path / "dark.png")
    for name in ("bottom", "top, $x$"):
        (tmp_path / "known" / name).mkdir(parents=True)
        shutil.copy(tmp_path / "dark.png", tmp_path / "known" / name)
    assert main(["pull", "champion", "--tracking-uri", mlflow_uri, "--int8", "--labelled", "known", "--json"]) == 0
    pulled = json.loads(capsys.readouterr().out)
    assert (pulled["version"], pulled["int8"]["images"], pulled["int8"]["measured_on"]) == ("1", 2, "known")
    (tmp_path / "broken.png").write_bytes(b"")
    capsys.readouterr()
    assert main(["predict", "dark.png", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert sum(answer["probabilities"].values()) == pytest.approx(1.0, abs=1e-5) and answer["label"] in answer["probabilities"]
    assert main(["predict", "dark.png", "--engine", "int8"]) == 0 and f"dark.png: {answer['label']}" in capsys.readouterr().out
    assert main(["predict", "dark.png", "broken.png"]) == 3
    last = capsys.readouterr()
    assert "dark.png: " in last.out and "refused" in last.out and "E307" in last.err
    meant = ["--model", "models:/convoy-bands/1", "--tracking-uri", mlflow_uri, "--engine", "onnx"]
    assert main(["predict", "*.png", *meant, "--output", "labels.csv"]) == 3
    assert "2 images, 1 of them refused: labels.csv" in capsys.readouterr().out
    assert main(["predict", "dark.png", "--output", "labels.json", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"images": 1, "refused": 0, "output": "labels.json"}
    with Path("labels.csv").open(newline="") as table:
        assert [row["label"] for row in csv.DictReader(table)] == ["", answer["label"]]
    assert main(["pull", "convoy-bands@champion"]) == 2
    assert "convoy pull convoy-bands@champion DIR" in capsys.readouterr().err


def test_status_tells_of_a_search_by_its_study_until_a_model_is_registered(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status"]) == 2
    assert "nothing was searched here yet" in capsys.readouterr().err
    for begun, letter in enumerate("ab"):
        row = StudyRow(letter * 16, float(begun), "val_accuracy", {}, {}, 0.0, False)
        store.create(layout.study_database(here / "state"), row)
    assert main(["status"]) == 0
    assert "study bbbbbbbb: val_accuracy; nobody searches now" in capsys.readouterr().out

    with study_lock(here / "state/studies" / ("a" * 16) / "lock", []):
        assert main(["status", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["search"]["study_id"] == "a" * 16 and told["search"]["driver"]["pid"] == os.getpid()
    assert told["registration"] is None and told["search"]["best"] is None


@pytest.mark.parametrize("command", all_commands(), ids=lambda command: command.name)
def test_every_command_explains_itself_with_examples_that_it_takes(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([command.name, "--help"])
    page = capsys.readouterr().out
    assert "usage: convoy" in page and command.examples
    for words in command.examples:
        assert f"convoy {words}" in page and parse(shlex.split(words)).command == command.name


def test_the_help_names_every_command_once(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    first_words = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    names = [command.name for command in all_commands() if not command.hidden]
    assert [word for word in first_words if word in names] == names


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("serach", "did you mean search?"),
        ("--debug statsu", "did you mean status?"),
        ("xyz", "there is no such command — see `convoy --help`"),
        ("run-jb", "there is no such command — see `convoy --help`"),  # which is for programs
        ("search --trails 3", "see `convoy search --help`"),
        ("predict x.png --jsn", "did you mean --json?"),
        ("plan now", "see `convoy plan --help`"),
    ],
)
def test_a_misspelt_command_or_option_gets_the_nearest_one(typed: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(typed.split()) == 2
    assert "E211 convoy" in (line := capsys.readouterr().err) and said in line


@pytest.mark.parametrize(
    ("typed", "offered"), [("convoy sta", "status"), ("convoy status --fo", "--follow"), ("convoy pull c", "cat")]
)
def test_the_shell_completes_commands_options_and_files(
    typed: str, offered: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", "bash"]) == 0
    (tmp_path / "complete.sh").write_text(capsys.readouterr().out)
    (tmp_path / "cat").mkdir()
    words = typed.split()
    asked = f"source complete.sh; COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}; _shtab_convoy; echo ${{COMPREPLY[@]}}"
    done = subprocess.run(["bash", "-c", asked], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert offered in done.stdout.split()
