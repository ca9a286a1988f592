"""Where there is room for trials, and what each asks Ray for; fewer share a GPU once one has found too little memory there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pipeline.search.execution.allotment import Share
from pipeline.search.execution.messages import Assignment
from pipeline.search.execution.packing import Packing


@dataclass(frozen=True)
class Request:
    """What a trial asks Ray for: so much of one node, which has these labels."""

    amounts: Mapping[str, float]
    labels: Mapping[str, str] = field(default_factory=dict)


class Room:
    """That of one search, in the pools of which `shares()` tells now; what changes is told in a line.

    A trial that begins is given a place in one of them, and so is one that goes on after it lost its worker. `want(requests)` is
    told for what there should be room, on a cluster that grows on demand.
    """

    def __init__(
        self,
        shares: Callable[[], Sequence[Share]],
        tell: Callable[[str], None] = lambda line: None,
        on_this_machine: bool = True,
        want: Callable[[Sequence[Request]], None] = lambda requests: None,
    ) -> None:
        self.on_this_machine = on_this_machine
        self._shares, self._tell, self._want = shares, tell, want
        self._known: dict[str, Share] = {}  # every pool that there was, as it was last
        self._packings: dict[str, Packing] = {}  # of those that were lowered
        self._places: dict[str, str] = {}  # of the trials that are live, by their keys: each one's pool
        self._pools()

    @property
    def slots(self) -> int:
        """Trials at once."""
        return sum(map(self._slots, self._pools()))

    @property
    def alike(self) -> bool:
        """Whether all nodes that there were so far are of one pool."""
        return len(self._known) == 1

    def full(self, live: Collection[str]) -> bool:
        """Whether there is no room for one more beside these, which are all that are live."""
        self._places = {key: pool for key, pool in self._places.items() if key in live}
        return not self._with_room(self._places.values())

    def place(self, assignment: Assignment, needed: float = 0) -> Assignment:
        """The trial where it is to train: where it was if there is room, else where there is some, else where it waits the least.

        needed: bytes, more than which it takes: not where a GPU has less for it, as long as another has more.
        """
        pools, others = self._pools() or [*self._known], self._others(assignment)
        fit = [pool for pool in pools if self._packing(pool).holds(needed)] or self._largest(pools)
        with_room = [pool for pool in self._with_room(others) if pool in fit]
        if assignment.pool in with_room:
            pool = assignment.pool
        elif with_room:
            pool = with_room[0]
        else:
            taken = Counter(others)
            pool = min(fit, key=lambda one: taken[one] / max(1, self._slots(one)))
        self._places[assignment.trial_key] = pool
        larger = pool not in self._largest(pools)
        return assignment.at(pool, self._packing(pool).trials, self._known[pool].resources.threads, larger)

    def waits_in_vain(self, assignment: Assignment) -> bool:
        """Of a trial that waits for Ray: whether there is no room for it where it is to train, and some elsewhere.

        Or nothing at all any more where it is to train.
        """
        pools, with_room = self._pools(), self._with_room(self._others(assignment))
        return assignment.pool not in with_room and bool(with_room or (pools and assignment.pool not in pools))

    def request(self, assignment: Assignment) -> Request:
        """What the trial asks Ray for."""
        return self._request(assignment.pool, assignment.trials_a_gpu)

    def usual(self) -> Request:
        """What the first trials ask for."""
        return self._usual((self._pools() or [*self._known])[0])

    def wanted(self, live: Collection[str], more: Callable[[], bool]) -> None:
        """These run; if `more` could, a cluster that grows on demand may have twice the room, else it may shrink."""
        if not self.on_this_machine:
            taken = Counter(pool for key, pool in self._places.items() if key in live)
            requests = [self._usual(pool) for pool in sorted(taken) for _ in range(taken[pool])]
            self._want([*requests, *requests, self.usual()] if more() else requests)

    def too_little(self, assignment: Assignment, needed: float) -> Assignment:
        """A trial found too little memory where it was and needs more than so many bytes; the trial where it is to go on."""
        packing = self._packing(assignment.pool)
        if assignment.larger and (assignment.trials_a_gpu == 1 or not replace(packing, trials=1).holds(needed)):
            return self.place(assignment, max(needed, packing.memory))  # even alone it would find too little
        if assignment.trials_a_gpu <= packing.trials:  # else it began before the last change
            self._packings[assignment.pool] = lowered = packing.lowered(needed)
            whose = "a GPU" if self.alike else f"a GPU of type {assignment.pool}"
            line = f"a trial found too little memory beside others: from now on {lowered.trials} share {whose}"
            self._tell(f"{line}, not {assignment.trials_a_gpu}")
        return self.place(assignment, needed)

    def _pools(self) -> list[str]:
        """Those that there are now, in the order in which to fill them."""
        shares = {share.pool.gpu_type: share for share in self._shares()}
        self._known.update(shares)
        return [*shares]

    def _with_room(self, taken: Iterable[str]) -> list[str]:
        counts = Counter(taken)
        return [pool for pool in self._pools() if counts[pool] < self._slots(pool)]

    def _others(self, assignment: Assignment) -> list[str]:
        """Where the other trials are."""
        return [pool for key, pool in self._places.items() if key != assignment.trial_key]

    def _slots(self, pool: str) -> int:
        share = self._known[pool]
        gpus = self._gpus(share, self._packing(pool).trials)
        return sum(node.trials(share.resources.cpus, gpus) for node in share.pool.nodes)

    def _packing(self, pool: str) -> Packing:
        share = self._known[pool]
        memory = share.pool.gpu_bytes if share.resources.gpus else 0
        return self._packings.get(pool) or Packing(share.resources.trials_a_gpu, memory)

    def _largest(self, pools: Sequence[str]) -> list[str]:
        """Those with most memory on each GPU."""
        most = max(self._packing(pool).memory for pool in pools)
        return [pool for pool in pools if self._packing(pool).memory == most]

    def _usual(self, pool: str) -> Request:
        return self._request(pool, self._packing(pool).trials)

    def _request(self, pool: str, trials_a_gpu: int) -> Request:
        """A Ray of our own has one CPU a slot, whatever a trial has."""
        share = self._known[pool]
        cpus = 1.0 if self.on_this_machine else share.resources.cpus
        return Request({"CPU": cpus, "GPU": self._gpus(share, trials_a_gpu)}, share.pool.labels)

    @staticmethod
    def _gpus(share: Share, trials_a_gpu: int) -> float:
        return Packing(trials_a_gpu).share if trials_a_gpu < share.resources.trials_a_gpu else share.resources.gpus
