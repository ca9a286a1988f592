"""How the database of the study is reached: SQLite in a file, or PostgreSQL, which may be away for a while."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pipeline.addresses import redacted
from pipeline.errors import StudyUnreachable, WrongValue
from pipeline.mounts import refuse_network
from pipeline.study.file import explained

_SQLITE, _POSTGRESQL = "sqlite", "postgresql"
_SQLITE_SECONDS = 60  # that a writer waits for another one
# What is unreachable is found out soon, here and on the server: it would keep the lock of a driver that is gone for two hours.
_SESSION = {
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "60s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "20000",  # milliseconds
}
_CONNECTION = {
    "connect_timeout": 5,  # seconds
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # milliseconds
    "application_name": "convoy",
    "options": " ".join(f"-c {name}={value}" for name, value in _SESSION.items()),
}
# The last one is a connection that broke inside a transaction and is asked for something more.
_AWAY = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError, sa.exc.PendingRollbackError)


def shared(url: str) -> bool:
    """Whether it is a server, which several hosts may use, and not a file."""
    return url.startswith("postgres")


def address(url: str) -> str:
    """As SQLAlchemy takes it, with our driver of PostgreSQL; raises WrongValue for any other database."""
    scheme, separator, rest = url.partition("://")
    kind = scheme.partition("+")[0]
    if separator and kind == _SQLITE:
        return url
    if separator and kind in (_POSTGRESQL, "postgres"):
        return f"postgresql+psycopg://{rest}"
    why, remedy = f"{redacted(url)!r} is neither", "write postgresql://USER@HOST/DATABASE, or sqlite:////FILE"
    raise WrongValue("the address of the study", why=why, remedy=remedy)


def file(url: str) -> Path | None:
    """In which it lies, if it is no server and not in memory."""
    name = None if shared(url) else sa.make_url(address(url)).database
    return Path(name) if name else None


def arguments(url: str) -> dict[str, Any]:
    """What the driver is told beside the address, in which a user may say it otherwise."""
    if not shared(url):
        return {"timeout": _SQLITE_SECONDS}
    said = sa.make_url(address(url)).query
    return {name: value for name, value in _CONNECTION.items() if name not in said}


def options(url: str) -> dict[str, Any]:
    """For the engine that another library makes on this database."""
    return {"connect_args": arguments(url)} | ({"pool_pre_ping": True} if shared(url) else {})  # it may have restarted meanwhile


def engine(url: str, **further: Any) -> sa.Engine:
    """One on this database; a file's folder is made, and its readers are never blocked by the driver that writes."""
    known = sa.make_url(address(url))
    if (place := file(url)) is not None:
        refuse_network(place, "the study")
        place.parent.mkdir(parents=True, exist_ok=True)
    if shared(url):
        logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)  # it prints each connection that broke; we say it once
    try:
        made = sa.create_engine(known, **options(url) | further)
    except ModuleNotFoundError as missing:
        why, remedy = f"PostgreSQL needs {missing.name}, which is not installed", "run `pip install 'psycopg[binary]'`"
        raise WrongValue("the address of the study", why=why, remedy=remedy) from None
    if not shared(url):
        with made.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    return made


@contextlib.contextmanager
def reaching(url: str) -> Iterator[None]:
    """Turn every way in which a server can be away into StudyUnreachable, and what befalls a file into DiskError or StudyLost."""
    try:
        yield
    except Exception as error:
        place = file(url)
        if place is not None and (trouble := explained(place, error)) is not None:
            raise trouble from error
        said = _means_away(error) if shared(url) else None
        if said is None:
            raise
        why = redacted(str(getattr(said, "orig", None) or said)).rpartition(" failed: ")[2].strip().splitlines()
        remedy = "start it, or correct the address or the password; then run the same command again"
        raise StudyUnreachable(
            "the study's database", where=redacted(url), why=why[0] if why else type(said).__name__, remedy=remedy
        ) from error


def _means_away(error: BaseException | None) -> BaseException | None:
    """What the database said, if it was no answer to what was asked; Optuna raises an error of its own from it."""
    while error is not None:
        if isinstance(error, _AWAY) or (isinstance(error, sa.exc.DBAPIError) and error.connection_invalidated):
            return error
        error = error.__cause__
    return None
