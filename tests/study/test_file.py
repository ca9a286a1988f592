"""A study whose file has no more room, is gone or is damaged: it takes in nothing after that, and says why."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
import sqlalchemy as sa

from pipeline.errors import ConvoyError, DiskBroken, DiskFull, StudyLost
from pipeline.study import store, studies
from pipeline.study.file import explained
from pipeline.study.records import StudyRow
from tests.search.driving import FIRST, STUDY, Search, story

ROW = StudyRow(STUDY, 1.0, "val_accuracy", {"data": "d"}, {"commit": "c"}, 0.0, False)


def no_more_room(study: store.Study) -> None:
    """As on a full disk SQLite gets no further page."""
    for engine in (study._engine, study._storage.engine):
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count=1")  # which means: no more than there are


def delete(file: Path) -> None:
    file.unlink()


def replace(file: Path) -> None:
    shutil.copy(file, file.with_suffix(".copy"))
    file.with_suffix(".copy").replace(file)


def test_without_room_a_search_ends_and_the_same_command_goes_on_as_if_nothing_had_been(tmp_path: Path) -> None:
    folders = [tmp_path / "full", tmp_path / "unbroken"]
    full, unbroken = (Search(folder) for folder in folders if not folder.mkdir())
    unbroken.work(unbroken.conductor(trials=12))

    conductor = full.conductor(trials=12)
    full.work(conductor, epochs=10)
    no_more_room(conductor._study)
    full.work(conductor)
    conductor.close({"further": "than the room goes"})

    assert isinstance(conductor.failure, DiskFull)
    assert "studies.db — database or disk is full — free space" in str(conductor.failure)
    with pytest.raises(DiskFull):
        conductor._study.settle()
    before = full.snapshot()
    assert 0 < len(before.trials) < 12 and "further" not in before.facts
    full.work(full.conductor(trials=12))
    assert story(full.snapshot()) == story(unbroken.snapshot())
    assert len(full.ledger) == len(set(full.ledger)), "an epoch was trained twice"


def test_after_the_first_commit_that_found_no_room_none_follows_though_a_smaller_one_might_find_some(tmp_path: Path) -> None:
    search = Search(tmp_path)
    study = search.open(ROW)
    no_more_room(study)
    study.update(seconds_used=1.0, finished=False, facts={"much": "x" * 100_000})
    study.update(seconds_used=2.0, finished=True)
    assert isinstance(study.problem, DiskFull)
    assert search.snapshot().facts == {"commit": "c"} and not search.snapshot().finished


@pytest.mark.parametrize(("act", "why"), [(delete, "it was deleted while"), (replace, "another file took its place")])
def test_a_study_that_is_gone_is_found_missing_at_the_next_commit_and_nothing_is_made_in_its_place(
    tmp_path: Path, act: Callable[[Path], None], why: str
) -> None:
    search = Search(tmp_path)
    conductor = search.conductor(trials=3)
    search.work(conductor, epochs=1)
    act(tmp_path / "studies.db")
    left = sorted(tmp_path.iterdir())
    search.work(conductor)
    conductor.close({})
    assert isinstance(conductor.failure, StudyLost) and why in str(conductor.failure)
    assert sorted(tmp_path.iterdir()) == left and len(search.ledger) == 1


def test_who_only_reads_does_not_mind(tmp_path: Path) -> None:
    search = Search(tmp_path)
    search.work(search.conductor(trials=1))
    look = store.reader(search.url, STUDY)
    look()
    delete(tmp_path / "studies.db")
    assert look().trials[0].key == FIRST


def test_a_file_that_is_no_database_is_refused_with_what_sqlite_says(tmp_path: Path) -> None:
    (tmp_path / "studies.db").write_text("this was overwritten by mistake " * 100)
    with pytest.raises(StudyLost, match=r"E707 the study at .*studies\.db — file is not a database — bring back a copy"):
        studies.rows(f"sqlite:///{tmp_path / 'studies.db'}")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_FULL, DiskFull),
        (sqlite3.SQLITE_IOERR_WRITE, DiskBroken),
        (sqlite3.SQLITE_IOERR_FSYNC, DiskBroken),
        (sqlite3.SQLITE_READONLY, DiskBroken),
        (sqlite3.SQLITE_CANTOPEN, DiskBroken),
        (sqlite3.SQLITE_CORRUPT, StudyLost),
        (sqlite3.SQLITE_BUSY, None),
        (sqlite3.SQLITE_CONSTRAINT_UNIQUE, None),
    ],
)
def test_an_error_of_sqlite_is_told_apart_by_its_code_through_those_that_others_raise_from_it(
    code: int, kind: type[ConvoyError] | None
) -> None:
    said = sqlite3.OperationalError("what it says")
    said.sqlite_errorcode = code
    wrapped = optuna.exceptions.StorageInternalError()
    wrapped.__cause__ = sa.exc.OperationalError("insert", {}, said)
    for error in (said, wrapped):
        assert type(explained(Path("a.db"), error)) is (kind or type(None))
    assert explained(Path("a.db"), ValueError("something else")) is None
