"""One writer a study on a server: a lock that PostgreSQL drops with its holder, and a token that every transaction shows.

The lock tells whether somebody searches. It goes when the server restarts or the connection breaks, and its holder takes it
again before it writes. Whoever gets it in between counts the token up, and what the earlier one still sends is refused inside
its own transaction: it cannot be too late.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from pipeline import clocks
from pipeline.addresses import redacted
from pipeline.clocks import Reading
from pipeline.errors import StudyBusy
from pipeline.study import database, tables
from pipeline.study.holder import Holder

_LOOK_SECONDS = 1.0  # between two looks at the connection that holds the lock
_END_SECONDS = 5.0  # that the server may take to end a connection of ours which broke
_HELD_BY = sa.text(
    "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND (classid::bigint << 32) + objid::bigint = :key"
)


@contextlib.contextmanager
def claimed(url: str, study_id: str, owner: Mapping[str, Any], tell: Callable[[str], None] = print) -> Iterator[Claim | None]:
    """Hold the study on its server while the block runs; None for a file. Raises StudyBusy, naming who holds it.

    tell(line) when the clock of that server differs from ours.
    """
    if not database.shared(url):
        yield None
        return
    with database.reaching(url):
        claim = Claim(url, study_id, owner)
    try:
        with database.reaching(url):
            clock = claim.clock()
        if line := clock.warning(f"the study's database at {redacted(url)}"):
            tell(line)
        yield claim
    finally:
        claim.release()


def holders(url: str) -> dict[str, Holder]:
    """Who holds which study on its server, none of those in a file; asking takes none."""
    if not database.shared(url):
        return {}
    with tables.connected(url) as engine, engine.connect() as connection:
        rows = list(connection.execute(sa.select(tables.drivers)))
        return {
            row.study_id: Holder.of(row.owner)
            for row in rows
            if connection.scalar(_HELD_BY, {"key": _key(row.study_id)}) is not None
        }


class Claim:
    """The right of this process to write a study, until it is released or lost."""

    def __init__(self, url: str, study_id: str, owner: Mapping[str, Any]) -> None:
        """Takes it; raises StudyBusy when another process has it."""
        self._url, self._study_id = url, study_id
        self._engine = tables.connect(url, poolclass=sa.pool.NullPool, isolation_level="AUTOCOMMIT")
        self._connection: sa.Connection | None
        self._connection, self._server_process = self._locked()
        self._token = self._count_up(self._connection, owner)
        self._looked_at = time.monotonic()

    def keep(self) -> None:
        """To be called before anything is written: takes the lock again if it was lost with its connection.

        Raises StudyBusy when another process has it, or had it: what this one knows of the study is out of date.
        """
        if time.monotonic() - self._looked_at < _LOOK_SECONDS:
            return
        with database.reaching(self._url):
            if not self._holds():
                self._take_again()
        self._looked_at = time.monotonic()

    def clock(self) -> Reading:
        """What time it is there."""
        assert self._connection is not None, "it was taken just now"
        connection, now = self._connection, sa.select(sa.extract("epoch", sa.func.clock_timestamp()))
        return clocks.read(lambda: float(connection.scalar(now) or 0))

    def suspect(self) -> None:
        """Something went wrong with the server: look at the lock before the next write."""
        self._looked_at = -_LOOK_SECONDS

    def guard(self, engine: sa.Engine) -> None:
        """From now on every transaction of this engine first shows the token, whose row nobody changes before its end."""
        shown = sa.select(tables.drivers.c.token).where(tables.drivers.c.study_id == self._study_id).with_for_update(read=True)

        @sa.event.listens_for(engine, "begin")
        def _show(connection: sa.Connection) -> None:
            if connection.scalar(shown) != self._token:
                raise self._lost(connection)

    def release(self) -> None:
        """Let others have it."""
        connection, self._connection = self._connection, None
        with contextlib.suppress(sa.exc.DBAPIError):  # the server has dropped it already
            if connection is not None:
                connection.close()

    def _locked(self) -> tuple[sa.Connection, int]:
        connection = self._engine.connect()
        if not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(_key(self._study_id)))):
            row = _row(connection, self._study_id)
            connection.close()
            raise Holder.of({} if row is None else row.owner).busy()
        return connection, int(connection.scalar(sa.select(sa.func.pg_backend_pid())) or 0)

    def _count_up(self, connection: sa.Connection, owner: Mapping[str, Any]) -> int:
        new = postgresql.insert(tables.drivers).values(study_id=self._study_id, token=1, owner=dict(owner))
        counted = new.on_conflict_do_update(
            index_elements=[tables.drivers.c.study_id],
            set_={"token": tables.drivers.c.token + 1, "owner": new.excluded.owner},
        )
        return int(connection.execute(counted.returning(tables.drivers.c.token)).scalar_one())

    def _holds(self) -> bool:
        """Whether the connection that holds the lock is there."""
        try:
            return self._connection is not None and self._connection.scalar(sa.select(1)) == 1
        except sa.exc.DBAPIError:
            self.release()
            return False

    def _take_again(self) -> None:
        self._end_what_is_left_of_us()
        self._connection, self._server_process = self._locked()
        if (row := _row(self._connection, self._study_id)) is None or row.token != self._token:
            lost = self._lost(self._connection)
            self.release()
            raise lost

    def _end_what_is_left_of_us(self) -> None:
        """A server that was cut off may not have noticed that our connection is gone, and keeps the lock for it."""
        mine = {"key": _key(self._study_id), "pid": self._server_process}
        held_by_us = sa.text(f"{_HELD_BY.text} AND pid = :pid")
        end = sa.text("SELECT pg_terminate_backend(:pid)")
        with self._engine.connect() as connection:
            row, deadline = _row(connection, self._study_id), time.monotonic() + _END_SECONDS
            while row is not None and row.token == self._token and connection.scalar(held_by_us, mine) is not None:
                connection.execute(end, {"pid": self._server_process})
                if time.monotonic() > deadline:
                    return
                time.sleep(0.1)

    def _lost(self, connection: sa.Connection) -> StudyBusy:
        row = _row(connection, self._study_id)
        other = "another process" if row is None else str(Holder.of(row.owner))
        why = f"{other} took it over while the database was away from this one, which writes nothing any more"
        return StudyBusy("this study", why=why, remedy="let that one go on, or stop it and run the same command again")


def _row(connection: sa.Connection, study_id: str) -> sa.Row[Any] | None:
    return connection.execute(sa.select(tables.drivers).where(tables.drivers.c.study_id == study_id)).one_or_none()


def _key(study_id: str) -> int:
    """What PostgreSQL locks: 63 bits, so that no sign stands in the way."""
    return int.from_bytes(hashlib.sha256(f"convoy study {study_id}".encode()).digest()[:8], "big") >> 1
