"""Convoy's own tables, beside Optuna's in the same database: studies with their identity, reruns, and one row an epoch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa

from pipeline.study.records import StudyRow
from pipeline.training.metrics import METRICS, EpochMetrics

_schema = sa.MetaData()
_LISTED_KEYS = 500  # of more trials than these, all rows are read

studies = sa.Table(
    "convoy_studies",
    _schema,
    sa.Column("study_id", sa.String(16), primary_key=True),
    sa.Column("created_at", sa.Float, nullable=False),  # unix seconds
    sa.Column("metric", sa.String(64), nullable=False),
    sa.Column("identity", sa.JSON, nullable=False),
    sa.Column("facts", sa.JSON, nullable=False),
    sa.Column("seconds_used", sa.Float, nullable=False),  # wall time of all searches on this study so far
    sa.Column("finished", sa.Boolean, nullable=False),
)

epochs = sa.Table(
    "convoy_epochs",
    _schema,
    sa.Column("study_id", sa.String(16), primary_key=True),
    sa.Column("trial_key", sa.String(32), primary_key=True),  # or the key of a rerun
    sa.Column("epoch", sa.Integer, primary_key=True),
    sa.Column("committed_at", sa.Float, nullable=False),  # unix seconds
    sa.Column("stop", sa.Boolean, nullable=False),  # what the stopping rule said when this epoch arrived
    sa.Column("seconds", sa.Float, nullable=False),
    *(sa.Column(name, sa.Float) for name in METRICS),
)

reruns = sa.Table(
    "convoy_reruns",
    _schema,
    sa.Column("study_id", sa.String(16), primary_key=True),
    sa.Column("key", sa.String(32), primary_key=True),
    sa.Column("trial_key", sa.String(32), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),  # of the trial
    sa.Column("repeat", sa.Integer, nullable=False),
    sa.Column("fold", sa.Integer),
    sa.Column("hyperparameters", sa.JSON, nullable=False),
    sa.Column("seed", sa.Integer, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("value", sa.Float),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),  # what is to be known of its training
    sa.Column("started_at", sa.Float, nullable=False),  # unix seconds
    sa.Column("ended_at", sa.Float),
    sa.Column("outcomes", sa.LargeBinary),  # what the network said of each image it was scored on
)


def connect(url: str) -> sa.Engine:
    """An engine on the study database with Convoy's tables in it; SQLite in WAL mode, so that readers never block the driver."""
    address = sa.make_url(url)
    sqlite = address.get_backend_name() == "sqlite"
    if sqlite and address.database:
        Path(address.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url, connect_args={"timeout": 60} if sqlite else {})
    if sqlite:
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    _schema.create_all(engine)
    return engine


def study_rows(engine: sa.Engine) -> list[StudyRow]:
    """Every study, oldest first."""
    with engine.connect() as connection:
        rows = connection.execute(sa.select(studies).order_by(studies.c.created_at)).mappings()
        return [StudyRow(**row) for row in rows]


def insert_epoch(engine: sa.Engine, study_id: str, key: str, metrics: EpochMetrics, committed_at: float, stop: bool) -> None:
    """Commit one epoch with the decision taken on it."""
    row = {name: getattr(metrics, name) for name in ("epoch", "seconds", *METRICS)}
    with engine.begin() as connection:
        connection.execute(
            sa.insert(epochs).values(study_id=study_id, trial_key=key, committed_at=committed_at, stop=stop, **row)
        )


def epoch_rows(engine: sa.Engine, study_id: str, keys: Sequence[str] | None = None) -> list[sa.RowMapping]:
    """The epochs of a study, by trial and epoch; of the trials with these keys at least, or of all."""
    query = sa.select(epochs).where(epochs.c.study_id == study_id).order_by(epochs.c.trial_key, epochs.c.epoch)
    if keys is not None and len(keys) <= _LISTED_KEYS:
        query = query.where(epochs.c.trial_key.in_(keys))
    with engine.connect() as connection:
        return list(connection.execute(query).mappings())


def metrics(row: sa.RowMapping) -> EpochMetrics:
    """What a row of `epochs` says."""
    return EpochMetrics(epoch=row["epoch"], seconds=row["seconds"], **{name: row[name] for name in METRICS})
