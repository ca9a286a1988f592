"""A search and, when its budget is spent, its reselection: one after the other on the same workers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from pipeline.errors import ConvoyError, DiskError, StudyBusy, StudyLost, StudyUnreachable
from pipeline.search.conductor import Conductor
from pipeline.search.execution.messages import Message
from pipeline.search.reselection import Reselection
from pipeline.study.records import Rerun, TrialRecord


class Phases:
    """What the executor asks, of whichever of the two is at work; a limit on time ends the search and not the reselection.

    `facts()` are told about the study when the search is over. `reselect()` is called once after that, if no trial runs any
    more and nothing broke the search off; None when nothing is to be trained again. `idle()` is called once, when first there is
    room for a run and none to begin while others run.
    """

    def __init__(
        self,
        search: Conductor,
        facts: Callable[[], Mapping[str, str]],
        reselect: Callable[[], Reselection] | None,
        idle: Callable[[], object] | None = None,
    ) -> None:
        self._search, self._facts, self._reselect, self._idle = search, facts, reselect, idle
        self._reselection: Reselection | None = None
        self._search_closed = False
        self._live: set[str] = set()
        self._failure: ConvoyError | None = None

    @property
    def live(self) -> int:
        """Runs handed out of which no end was heard."""
        return len(self._live)

    @property
    def handed_out(self) -> Collection[str]:
        """Their keys."""
        return self._live

    @property
    def reselecting(self) -> bool:
        """Whether what is handed out are reruns."""
        return self._reselection is not None

    def rerun(self, key: str) -> Rerun | None:
        """What was handed out under this key, when it is a rerun."""
        return None if self._reselection is None else self._reselection.rerun(key)

    @property
    def stopped_by(self) -> str:
        """Why it was asked to end early."""
        return self._search.stopped_by

    @property
    def failure(self) -> ConvoyError | None:
        """Why it cannot go on."""
        return self._failure or self._search.failure or (self._reselection.failure if self._reselection else None)

    @property
    def behind(self) -> bool:
        """Whether the study's database is away: what is handed out next is committed first, so it comes later."""
        return self._search.behind

    @property
    def over(self) -> bool:
        """Whether everything that runs is to stop now."""
        if self.stopped_by or self.failure:
            return True
        return self._reselect is None and self._search.over

    def exhausted(self) -> bool:
        """Whether nothing is left to hand out."""
        self._go_over_when_due()
        return self.over or (self._at_work.exhausted() and not self._due)

    def next(self) -> TrialRecord | None:
        """The next run to train, committed before it does; None when there is none, or none yet (see `live` and `behind`)."""
        if self.exhausted() or self._due:
            self._make_use_of_the_room()
            return None
        run = self._at_work.next()
        if run is None and self._go_over_when_due():  # the last trials left had ended already, or did not fit
            run = self._at_work.next()
        if run is not None:
            self._live.add(run.key)
        return run

    def heard(self, message: Message) -> bool:
        """Take in a worker's message; True when its run is not to go on."""
        ends = self._at_work.heard(message) or self.over
        if ends:
            self._live.discard(message.trial_key)
        return ends

    def lost(self, key: str, reason: str) -> None:
        """A worker died again and again on this run."""
        self._at_work.lost(key, reason)
        self._live.discard(key)

    def stop(self, why: str) -> None:
        """Ask for the end: what runs is put aside after its present epoch. Safe in a signal handler."""
        self._search.stop(why)

    def close(self) -> None:
        """Put what runs aside for next time and store how much the search used."""
        if self._reselection is None:
            self._search.close(self._facts())
        else:
            self._reselection.close()

    @property
    def _at_work(self) -> Conductor | Reselection:
        return self._search if self._reselection is None else self._reselection

    def _make_use_of_the_room(self) -> None:
        if self._live and self._idle is not None:
            idle, self._idle = self._idle, None
            idle()

    @property
    def _due(self) -> bool:
        """Whether the search is done and its reselection has not begun."""
        wanted = self._reselect is not None and not self.reselecting
        return wanted and not self._live and not self.over and self._search.exhausted()

    def _go_over_when_due(self) -> bool:
        """From the search to the reselection; whether that was done now, and not as long as the database is away.

        The study is read again for it, which would wait until all of the search is committed, without another turn meanwhile.
        """
        if self._reselect is None or not self._due:
            return False
        if not self._search_closed:
            self._search.close(self._facts())
            self._search_closed = True
        if self.behind:
            return False
        try:
            self._reselection = self._reselect()
        except (StudyUnreachable, StudyBusy, DiskError, StudyLost) as problem:
            self._failure = problem
        return self.reselecting
