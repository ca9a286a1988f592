"""The reruns of a study in its database: Optuna never hears of them, so that they teach the sampler nothing.

Like a trial a rerun is committed before it trains, each epoch as it arrives, and its end with what the network said of each
image; the driver that holds the study's lock is the only writer.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Collection, Mapping, Sequence

import sqlalchemy as sa

from pipeline.study import database, tables
from pipeline.study.clerk import AtOnce, Clerk
from pipeline.study.records import Rerun, State, TrialRecord
from pipeline.training.metrics import EpochMetrics

_SHOWN = [column for column in tables.reruns.c if column.name != "outcomes"]


class Reruns:
    """The reruns of one study, open for reading and writing."""

    def __init__(self, url: str, study_id: str, clerk: Clerk | None = None, engine: sa.Engine | None = None) -> None:
        """With the clerk and the engine of the study, when that is written to as well."""
        self._url, self._study_id, self._clerk = url, study_id, clerk or AtOnce()
        if engine is None:
            with database.reaching(url):
                engine = tables.connect(url)
            weakref.finalize(self, engine.dispose)
        self._engine = engine

    def begin(self, rerun: Rerun) -> None:
        """Commit a rerun before it trains."""
        run = rerun.run
        row = {
            "study_id": self._study_id,
            "key": run.key,
            "trial_key": rerun.trial_key,
            "number": run.number,
            "repeat": rerun.repeat,
            "fold": rerun.fold,
            "hyperparameters": run.hyperparameters,
            "seed": run.seed,
            "state": "running",
            "reason": "",
            "note": "",
            "started_at": time.time(),
        }
        self._write(lambda: tables.insert_once(self._engine, tables.reruns, row))

    def resume(self, key: str) -> None:
        """Take up a rerun again that was interrupted or ended without a value."""
        self._update(tables.reruns.c.key == key, state="running", reason="", ended_at=None)

    def note(self, key: str, text: str) -> None:
        """Commit what is to be known of a rerun's training."""
        self._update(tables.reruns.c.key == key, note=text)

    def add_epoch(self, key: str, metrics: EpochMetrics) -> None:
        """Commit one epoch; none is ever stopped early."""
        now = time.time()
        self._write(lambda: tables.insert_epoch(self._engine, self._study_id, key, metrics, now, stop=False))

    def finish(self, key: str, state: State, *, value: float | None = None, reason: str = "", outcomes: bytes = b"") -> None:
        """Commit how a rerun ended: its value, and what the network said of each image, of completed ones."""
        ended = {"state": state, "value": value, "reason": reason, "outcomes": outcomes or None, "ended_at": time.time()}
        self._update(tables.reruns.c.key == key, **ended)

    def put_aside(self) -> None:
        """What was running waits for next time."""
        self._update(tables.reruns.c.state == "running", state="interrupted")

    def drop_others(self, wanted: Collection[str]) -> None:
        """End what was interrupted and is not among these keys: nobody would take it up again."""
        columns, why = tables.reruns.c, "interrupted, and no longer among the candidates and seeds of the reselection"
        others = sa.and_(columns.state == "interrupted", columns.key.not_in(wanted))
        self._update(others, state="dropped", reason=why, ended_at=time.time())

    def read(self) -> tuple[Rerun, ...]:
        """All of them, in the order of their keys."""
        self._clerk.settle()
        curves: dict[str, list[sa.RowMapping]] = {}
        with database.reaching(self._url):
            for row in tables.epoch_rows(self._engine, self._study_id):
                curves.setdefault(row["trial_key"], []).append(row)
            return records(self._engine, self._study_id, curves)

    def outcomes(self) -> dict[str, bytes]:
        """Key → what the network said of each image, of completed reruns."""
        columns = tables.reruns.c
        query = sa.select(columns.key, columns.outcomes).where(columns.study_id == self._study_id)
        with database.reaching(self._url), self._engine.connect() as connection:
            return {row.key: row.outcomes for row in connection.execute(query) if row.outcomes is not None}

    def _update(self, which: sa.ColumnElement[bool], **values: object) -> None:
        update = sa.update(tables.reruns).where(tables.reruns.c.study_id == self._study_id, which).values(**values)

        def act() -> None:
            with self._engine.begin() as connection:
                connection.execute(update)

        self._write(act)

    def _write(self, act: Callable[[], None]) -> None:
        def reached() -> None:
            with database.reaching(self._url):
                act()

        self._clerk.write(reached)


def keys(engine: sa.Engine, study_id: str) -> list[str]:
    """Of the reruns of a study."""
    with engine.connect() as connection:
        return list(connection.execute(sa.select(tables.reruns.c.key).where(tables.reruns.c.study_id == study_id)).scalars())


def records(engine: sa.Engine, study_id: str, curves: Mapping[str, Sequence[sa.RowMapping]]) -> tuple[Rerun, ...]:
    """The reruns of a study, given the rows of its epochs by key."""
    query = sa.select(*_SHOWN).where(tables.reruns.c.study_id == study_id).order_by(tables.reruns.c.key)
    with engine.connect() as connection:
        return tuple(_rerun(row, curves.get(row["key"], ())) for row in connection.execute(query).mappings())


def _rerun(row: sa.RowMapping, curve: Sequence[sa.RowMapping]) -> Rerun:
    run = TrialRecord(
        key=row["key"],
        number=row["number"],
        state=row["state"],
        hyperparameters=row["hyperparameters"],
        seed=row["seed"],
        value=row["value"],
        reason=row["reason"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        epochs=tuple(tables.metrics(epoch) for epoch in curve),
        committed_at=tuple(epoch["committed_at"] for epoch in curve),
        note=row["note"],
    )
    return Rerun(run, row["trial_key"], row["repeat"], row["fold"])
