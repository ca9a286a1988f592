from __future__ import annotations

import math
from pathlib import Path

import pytest
import sqlalchemy as sa

from pipeline.errors import OtherVersion
from pipeline.study import tables
from pipeline.study.records import StudyRow
from pipeline.training.metrics import METRICS, EpochMetrics

STUDY = "00112233aabbccdd"


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'new' / 'folder' / 'studies.db'}"


@pytest.fixture
def engine(url: str) -> sa.Engine:
    return tables.connect(url)


def row(name: str, created_at: float) -> StudyRow:
    return StudyRow(name, created_at, "val_accuracy", {"data": "d"}, {"commit": "ü"}, 1.5, False)


def metrics(epoch: int, value: float = 0.5) -> EpochMetrics:
    return EpochMetrics(epoch, 1.0, value, 0.1, 0.2, 0.3, 0.4, seconds=0.7)


def insert(engine: sa.Engine, *rows: StudyRow) -> None:
    with engine.begin() as connection:
        connection.execute(sa.insert(tables.studies), [vars(row) for row in rows])


def test_connecting_makes_folder_and_tables_and_changes_nothing_when_they_exist(url: str, engine: sa.Engine) -> None:
    insert(engine, row("a", 1.0))
    assert tables.study_rows(tables.connect(url)) == [row("a", 1.0)]


def test_studies_come_back_as_they_went_in_oldest_first(engine: sa.Engine) -> None:
    insert(engine, row("b", 2.0), row("a", 3.0), row("c", 1.0))
    assert tables.study_rows(engine) == [row("c", 1.0), row("b", 2.0), row("a", 3.0)]


def test_epochs_come_back_exactly_by_trial_and_number(engine: sa.Engine) -> None:
    for key, epoch in (("t-2", 1), ("t-1", 2), ("t-1", 1), ("t-1", 10)):
        tables.insert_epoch(engine, STUDY, key, metrics(epoch, 1 / 3), 5.0, stop=epoch == 2)
    tables.insert_epoch(engine, "another study", "t-1", metrics(1), 5.0, stop=False)
    rows = tables.epoch_rows(engine, STUDY)
    assert [(row["trial_key"], row["epoch"], row["stop"]) for row in rows] == [
        ("t-1", 1, False), ("t-1", 2, True), ("t-1", 10, False), ("t-2", 1, False)
    ]  # fmt: skip
    assert EpochMetrics(1, **{name: rows[0][name] for name in METRICS}, seconds=rows[0]["seconds"]) == metrics(1, 1 / 3)


def test_an_epoch_is_committed_once(engine: sa.Engine) -> None:
    tables.insert_epoch(engine, STUDY, "t-1", metrics(1), 5.0, stop=False)
    with pytest.raises(sa.exc.IntegrityError):
        tables.insert_epoch(engine, STUDY, "t-1", metrics(1, 0.9), 6.0, stop=True)
    assert [row["val_loss"] for row in tables.epoch_rows(engine, STUDY)] == [0.5]


@pytest.mark.parametrize(("value", "stored"), [(math.nan, None), (math.inf, math.inf)])
def test_nan_comes_back_as_nothing(engine: sa.Engine, value: float, stored: float | None) -> None:
    tables.insert_epoch(engine, STUDY, "t-1", metrics(1, value), 5.0, stop=False)
    assert tables.epoch_rows(engine, STUDY)[0]["val_loss"] == stored


def test_a_reader_is_not_blocked_by_a_writer_and_sees_what_was_committed(url: str, engine: sa.Engine) -> None:
    insert(engine, row("a", 1.0))
    with engine.begin() as writing:
        writing.execute(sa.insert(tables.studies).values(**vars(row("b", 2.0))))
        assert tables.study_rows(sa.create_engine(url, connect_args={"timeout": 0})) == [row("a", 1.0)]
    assert len(tables.study_rows(engine)) == 2


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ("DROP COLUMN val_loss", "E003 .*an earlier Convoy made it: it lacks convoy_epochs.val_loss"),
        ("ADD COLUMN energy INTEGER NOT NULL DEFAULT 0", "E003 .*a later Convoy made it: it has convoy_epochs.energy"),
        ("ADD COLUMN remark TEXT", None),
    ],
)
def test_tables_of_another_convoy_are_refused_if_they_cannot_be_used(
    url: str, engine: sa.Engine, change: str, refusal: str | None
) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE convoy_epochs {change}")
    if refusal is None:
        tables.connect(url).dispose()
    else:
        with pytest.raises(OtherVersion, match=refusal):
            tables.connect(url)
