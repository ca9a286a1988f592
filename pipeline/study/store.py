"""The study in its database, the truth: Optuna's tables for what was tried and how it ended, Convoy's for each epoch.

Only the driver that holds the study's lock writes. A trial is committed with its key before it trains, each epoch as it
arrives with the decision taken on it, and a trial's outcome before Optuna hears of it; opening a study finishes what a
killed driver had begun to tell. While a server is away, all but the first of these wait (study/clerk.py), and whatever is
tried again is written once.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import cache, partial
from typing import Literal, TypeVar

import optuna
import sqlalchemy as sa

from pipeline.errors import ConvoyError
from pipeline.study import database, optuna_storage, studies, tables
from pipeline.study.asking import Asking
from pipeline.study.claim import Claim
from pipeline.study.clerk import AtOnce, Background, Clerk, Entry
from pipeline.study.file import DatabaseFile
from pipeline.study.records import Outcome, StudyRow, StudySnapshot, TrialRecord
from pipeline.study.reruns import Reruns
from pipeline.study.snapshots import Snapshots
from pipeline.study.trials import Trials
from pipeline.training.hyperparameters import Value
from pipeline.training.metrics import EpochMetrics, direction

Result = TypeVar("Result")


def read(url: str, study_id: str) -> StudySnapshot:
    """The study as it stands, through connections of its own; safe beside the driver that writes."""
    return Study(url, study_id).snapshot()


def reader(url: str, study_id: str) -> Callable[[], StudySnapshot]:
    """Reads the study as it stands at each call, what has ended only once; to be called in one thread beside the driver."""

    @cache
    def study() -> Study:
        return Study(url, study_id)

    return lambda: study().snapshot()


def directions(row: StudyRow) -> list[Literal["minimize", "maximize"]]:
    """What a study wants of its metric, and then of its objectives: less."""
    less: Literal["minimize"] = "minimize"
    return [direction(row.metric), *(less for _ in row.objectives)]


def create(
    url: str, row: StudyRow, claim: Claim | None = None, tell: Callable[[str], None] = print
) -> tuple[Study, StudyRow | None]:
    """Open the study of this identity, begun now if there is none; with it, the latest other study when this one is new.

    On a server it is written by whoever has the `claim`; tell(line) when that server is away or back.
    """
    earlier = studies.rows(url)
    begun = any(other.study_id == row.study_id for other in earlier)
    if not begun:
        with tables.connected(url) as engine:
            storage = optuna_storage.opened(url)
            optuna.create_study(storage=storage, study_name=row.study_id, directions=directions(row), load_if_exists=True)
            storage.engine.dispose()
            with engine.begin() as connection:
                connection.execute(sa.insert(tables.studies).values(**vars(row)))
    study = Study(url, row.study_id, claim, tell, writes=True)
    study.repair()
    return study, None if begun or not earlier else earlier[-1]


class Study:
    """One study, open for reading and, by the driver that holds its lock, for writing."""

    def __init__(
        self,
        url: str,
        study_id: str,
        claim: Claim | None = None,
        tell: Callable[[str], None] = print,
        writes: bool = False,
    ) -> None:
        """With the `claim` on it, if it is on a server and this process `writes`. Raises KeyError when there is no such study."""
        self.study_id, self._url = study_id, url
        with database.reaching(url), ExitStack() as opened:
            self._engine = tables.connect(url)
            opened.callback(self._engine.dispose)
            self._storage = optuna_storage.opened(url, alone=writes)
            opened.callback(self._storage.engine.dispose)
            study = optuna.load_study(study_name=study_id, storage=self._storage)
            self._asking = Asking(study, study_id, repeated=database.shared(url))
            weakref.finalize(self, opened.pop_all().close)
        file = database.file(url) if writes else None
        self._clerk: Clerk = AtOnce() if file is None else AtOnce(DatabaseFile(file).require)
        if claim is not None:
            for engine in (self._engine, self._storage.engine):
                claim.guard(engine)
            self._clerk = Background(claim.keep, partial(self._begin_anew, claim), tell)
        self._asked: Entry[TrialRecord] | None = None  # the next trial, while it is not committed yet
        self._trials = Trials(study, self._storage, study_id, self._engine)
        self._snapshots = Snapshots(study, study_id, self._engine)

    @property
    def row(self) -> StudyRow:
        """Identity, facts and time used, as stored now."""
        self._clerk.settle()
        with database.reaching(self._url):
            return tables.study_row(self._engine, self.study_id)

    @property
    def behind(self) -> bool:
        """Whether the server of the study is away, so that commits wait for it."""
        return self._clerk.behind

    @property
    def problem(self) -> ConvoyError | None:
        """Why nothing can be committed any more: its server is away for too long, another process has the study, its file is gone
        or has no room.
        """
        return self._clerk.problem

    def settle(self) -> None:
        """Wait until everything is committed; raises StudyUnreachable, StudyBusy, DiskError or StudyLost when it cannot be."""
        self._clerk.settle()

    def hurry(self) -> None:
        """From now on wait for seconds only; safe in a signal handler."""
        self._clerk.hurry()

    def close(self) -> None:
        """Nothing more will be written."""
        self._clerk.close()

    def reruns(self) -> Reruns:
        """Those of this study, written in one order with its trials."""
        return Reruns(self._url, self.study_id, self._clerk, self._engine)

    def update(self, *, seconds_used: float, finished: bool, facts: Mapping[str, str] | None = None) -> None:
        """Store what changes while a study lives: the wall time used, whether its budget is spent, and its facts if given."""
        values = {"seconds_used": seconds_used, "finished": finished} | ({} if facts is None else {"facts": dict(facts)})
        update = sa.update(tables.studies).where(tables.studies.c.study_id == self.study_id).values(values)

        def act() -> None:
            with self._engine.begin() as connection:
                connection.execute(update)

        self._write(act)

    @property
    def next_number(self) -> int:
        """The number of the trial asked for next, from 0."""
        return self._asking.number

    def ask(
        self,
        suggest: Callable[[optuna.Trial], dict[str, Value]],
        sampler: optuna.samplers.BaseSampler,
        seed: int,
        *,
        first_points: Sequence[Mapping[str, Value]] = (),
        given: Mapping[str, Value] | None = None,
        audited: bool = False,
    ) -> TrialRecord | None:
        """Commit the next trial before it trains; None while its server is away: the same call, later, asks for the same trial.

        Values that are `given` are not drawn, nor are those of the first points, which come first.

        A trial that a killed driver had asked for but not committed keeps its number, and gets the same values again from the
        same sampler.
        """
        if self._asked is None:
            act = self._asking.commit(suggest, sampler, seed, first_points=first_points, given=given, audited=audited)
            self._asked = self._clerk.submit(lambda: self._reached(act))
        if not self._clerk.promptly(self._asked) or (trial := self._asked.result) is None:
            return None
        self._asked = None
        return trial

    def add_epoch(self, key: str, metrics: EpochMetrics, *, stop: bool) -> None:
        """Commit one epoch of a running trial with the stopping rule's decision on it."""
        now = time.time()
        self._write(lambda: tables.insert_epoch(self._engine, self.study_id, key, metrics, now, stop))

    def learn(self, key: str, costs: Mapping[str, float]) -> None:
        """Commit what is known of a trial's network, beside what was known before; of a study's objectives all before it ends."""
        if costs:
            self._write(lambda: self._trials.learn(key, costs))

    def note(self, key: str, text: str) -> None:
        """Commit what is to be known of a trial's training."""
        self._write(lambda: self._trials.note(key, text))

    def finish(self, key: str, outcome: Outcome, *, share: int = 1, last: float | None = None) -> None:
        """Commit how a trial ended, then tell Optuna.

        `share` (1–100) of its plan that a stopped trial trained and its metric there, `last`, are what the sampler ranks it by.
        Of a repetition Optuna is told what it was told of the earlier trial.
        """
        now = time.time()
        self._write(lambda: self._trials.finish(key, outcome, now, share=share, last=last))

    def pause(self, key: str, *, epochs: int, share: int, last: float | None) -> None:
        """Put a trial aside that is to wait after so many epochs; until it ends, the sampler takes it for stopped there.

        `share` and `last` as of finish.
        """
        self._write(lambda: self._trials.pause(key, epochs=epochs, share=share, last=last))
        self.interrupt(key)

    def interrupt(self, key: str) -> None:
        """Put a running trial aside; Optuna shows it WAITING and `resume` takes it up again."""
        self._write(lambda: self._trials.interrupt(key))

    def resume(self, key: str) -> None:
        """Take up a trial again that was put aside."""
        self._write(lambda: self._trials.resume(key))

    def repair(self) -> None:
        """Tell Optuna the outcomes that a killed driver committed but did not tell."""
        with database.reaching(self._url):
            self._trials.repair()

    def snapshot(self) -> StudySnapshot:
        """The whole study as frozen values, with all that was to be committed."""
        self._clerk.settle()
        with database.reaching(self._url):
            return self._snapshots.read()

    def _write(self, act: Callable[[], object]) -> None:
        self._clerk.write(lambda: self._reached(act))

    def _begin_anew(self, claim: Claim) -> None:
        """After the server was away: with the lock looked after, and without what is left of broken connections."""
        claim.suspect()
        self._storage.remove_session()
        for engine in (self._engine, self._storage.engine):
            engine.dispose()

    def _reached(self, act: Callable[[], Result]) -> Result:
        with database.reaching(self._url):
            return act()
