"""Convoy's own tables, beside Optuna's in the same database: studies with their identity, reruns, and one row an epoch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from pipeline.errors import OtherVersion
from pipeline.study import database
from pipeline.study.records import StudyRow
from pipeline.training.metrics import METRICS, EpochMetrics

_schema = sa.MetaData()
_SCHEMA_LOCK = 0x636F6E766F79  # "convoy"
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


drivers = sa.Table(
    "convoy_drivers",
    _schema,
    sa.Column("study_id", sa.String(16), primary_key=True),
    sa.Column("token", sa.BigInteger, nullable=False),  # one more for each process that took the study over
    sa.Column("owner", sa.JSON, nullable=False),  # what that process says of itself
)


def connect(url: str, **options: Any) -> sa.Engine:
    """An engine on the study database with Convoy's tables in it; raises OtherVersion when they are those of another Convoy."""
    engine = database.engine(url, **options)
    with one_at_a_time(engine) as connection:
        _schema.create_all(connection)
        _require_ours(connection)
    return engine


@contextmanager
def connected(url: str) -> Iterator[sa.Engine]:
    """The same for as long as the block runs; raises StudyUnreachable when its server is away."""
    with database.reaching(url):
        engine = connect(url)
        try:
            yield engine
        finally:
            engine.dispose()


@contextmanager
def one_at_a_time(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction in which tables may be made: on a server two processes would make the same one."""
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_SCHEMA_LOCK)))
        yield connection


def _require_ours(connection: sa.Connection) -> None:
    """That the tables have what is read here, and nothing that has to be written and is unknown here."""
    for (_, name), columns in sa.inspect(connection).get_multi_columns(filter_names=list(_schema.tables)).items():
        ours, there = _schema.tables[name].columns, {column["name"]: column for column in columns}
        earlier = sorted(column.name for column in ours if column.name not in there)
        later = sorted(other for other in there if other not in ours and not there[other]["nullable"])
        if earlier or later:
            found = f"it lacks {name}.{earlier[0]}" if earlier else f"it has {name}.{later[0]}"
            why = f"{'an earlier' if earlier else 'a later'} Convoy made it: {found}"
            raise OtherVersion("the study's database", why=why, remedy="use that Convoy, or name another database")


def study_rows(engine: sa.Engine) -> list[StudyRow]:
    """Every study, oldest first."""
    with engine.connect() as connection:
        rows = connection.execute(sa.select(studies).order_by(studies.c.created_at)).mappings()
        return [StudyRow(**row) for row in rows]


def study_row(engine: sa.Engine, study_id: str) -> StudyRow:
    """That of one study."""
    return next(row for row in study_rows(engine) if row.study_id == study_id)


def insert_epoch(engine: sa.Engine, study_id: str, key: str, metrics: EpochMetrics, committed_at: float, stop: bool) -> None:
    """Commit one epoch with the decision taken on it."""
    row = {name: getattr(metrics, name) for name in ("epoch", "seconds", *METRICS)}
    insert_once(engine, epochs, {"study_id": study_id, "trial_key": key, "committed_at": committed_at, "stop": stop, **row})


def insert_once(engine: sa.Engine, table: sa.Table, row: Mapping[str, Any]) -> None:
    """Commit a row; that it is there already is fine if it is this very one, of whose commit the answer was lost."""
    try:
        with engine.begin() as connection:
            connection.execute(sa.insert(table).values(row))
    except sa.exc.IntegrityError:
        mine = sa.and_(*(column == row[column.name] for column in table.primary_key))
        with engine.connect() as connection:
            there = connection.execute(sa.select(table).where(mine)).mappings().one_or_none()
        if there is None or any(not _same(there[name], value) for name, value in row.items()):
            raise


def _same(stored: object, sent: object) -> bool:
    """Whether this was stored when that was sent: NaN becomes nothing in SQLite."""
    return stored == sent or (sent != sent and (stored is None or stored != stored))  # NaN


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
