"""A cluster that exists: joined when it lets in only who has its token, and every node runs our code and sees our files."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.cluster import gcs, node, token
from pipeline.cluster.node import Seen
from pipeline.cluster.place import opened
from pipeline.cluster.settings import ClusterParams
from pipeline.errors import ConvoyError, Interrupted, NotShared, OtherVersion, ResourcesMissing
from pipeline.search import joining, node_clocks
from pipeline.search.checkpoints import SHARED
from pipeline.search.cluster_nodes import alive, as_node, listed, type_of
from pipeline.search.interruption import EXIT_CODES, HEAD_GONE
from pipeline.search.ray_thread import RayThread
from pipeline.search.resources import Node
from pipeline.search.room import Request

_LOOK_SECONDS = 2.0  # nodes are looked for no more often
_NODE_SECONDS = 900.0  # in which a node has come from a cloud
_MOST_WANTED = 1000  # trials for which an autoscaler is asked to have room
_PROBE_SECONDS = 120.0  # in which a node has fetched our code and answered
_HEAD_POLL_SECONDS, _HEAD_GONE_SECONDS = 3.0, 15.0


@dataclass(frozen=True)
class Wanted:
    """What a search needs of the nodes: its folder in the storage, and files that are too large for memory."""

    place: str
    files: Sequence[Path]
    scratch: Path


class JoinedRay(RayThread):
    """The cluster at `address`, once this process has joined it."""

    def __init__(
        self,
        address: str,
        params: ClusterParams,
        wanted: Wanted,
        gone: Callable[[str], None],
        tell: Callable[[str], None] = print,
    ) -> None:
        super().__init__()
        self._address, self._params, self._wanted, self._tell, self._gone = address, params, wanted, tell, gone
        self._seen: dict[str, Seen] = {}
        self._types: dict[str, str] = {}  # of the GPUs of every node that there was
        self._nodes: tuple[Node, ...] = ()
        self._looked = -_LOOK_SECONDS
        self._asked: Sequence[Request] = ()
        self._asked_at = -_LOOK_SECONDS

    def begin(self, unwanted: Callable[[], bool]) -> None:
        """Look, join, look at every node; raises SecurityRefusal, ClusterUnreachable, OtherVersion, NotShared."""
        address = joining.found(self._address, self._params.insecure)
        if unwanted():
            return
        joining.join(address, self._wanted.scratch)
        self._wait_for_a_node(address, unwanted)
        self._seen = _probe(alive(), self._wanted, self._params)
        offered = self.nodes()
        self._tell(f"joined the cluster at {address}: {listed(offered)}")
        for line in node_clocks.warnings(alive()):
            self._tell(line)
        threading.Thread(target=self._watch, args=(address,), name="head-watch", daemon=True).start()

    def nodes(self) -> tuple[Node, ...]:
        """Those that are there now and may train; one that came later is there from the next look on."""
        if time.monotonic() - self._looked >= _LOOK_SECONDS:
            there = alive()
            self._types |= {one["NodeID"]: type_of(one) for one in there}
            before, self._nodes = self._nodes, tuple(as_node(one, self._seen, self._types) for one in there)
            self._looked = time.monotonic()
            if before and before != self._nodes:
                self._tell(f"the cluster has changed: {listed(self._nodes)}")
        return self._nodes

    def want(self, requests: Sequence[Request]) -> None:
        """Tell an autoscaler, if the cluster has one, for what there should be nodes; what was told before is off."""
        from ray.autoscaler.sdk import request_resources

        requests = tuple(requests[:_MOST_WANTED])
        if requests != self._asked and time.monotonic() - self._asked_at >= _LOOK_SECONDS:
            bundles = [{name: amount for name, amount in request.amounts.items() if amount} for request in requests]
            labels = [dict(request.labels) for request in requests]
            request_resources(bundles=bundles, bundle_label_selectors=labels if any(labels) else None)
            self._asked, self._asked_at = requests, time.monotonic()

    def stop(self) -> None:
        """Nodes that came for this search may go."""
        if self._asked and not self._to_stop.is_set():
            self._asked_at = -_LOOK_SECONDS
            self.want(())
        super().stop()

    def _wait_for_a_node(self, address: str, unwanted: Callable[[], bool]) -> None:
        """On a cluster that grows on demand there may be only a head yet."""
        begun = time.monotonic()
        while not alive() and not unwanted():
            if not self._asked:
                self._tell(f"no node of the cluster at {address} has CPUs for trials yet: waiting for one")
                self.want((Request({"CPU": 1}),))
            if time.monotonic() - begun > _NODE_SECONDS:
                why, remedy = f"within {_NODE_SECONDS:g} s no node came that has CPUs for trials", "start nodes with --num-cpus"
                raise ResourcesMissing("the cluster", where=address, why=why, remedy=remedy)
            time.sleep(_LOOK_SECONDS)

    def _watch(self, address: str) -> None:
        """Tell when the head is gone: Ray would wait for it, and end this process after minutes without a word."""
        answered = time.monotonic()
        while not self._to_stop.wait(_HEAD_POLL_SECONDS):
            with contextlib.suppress(ConvoyError):
                gcs.look(address, token.find(os.environ, Path.home()), _HEAD_POLL_SECONDS)
                answered = time.monotonic()
            if time.monotonic() - answered > _HEAD_GONE_SECONDS:
                self._asked = ()  # there is nobody to be told
                self._gone(HEAD_GONE)
                self._end_in_any_case()
                return

    def _end_in_any_case(self) -> None:
        """Without a head Ray may neither give a trial back nor end; what was heard is in the study."""
        wait([self._stopped], _HEAD_GONE_SECONDS)
        if not self._stopped.done():
            why, remedy = f"{HEAD_GONE}; finished trials and checkpoints are kept", "start it and run the same command to go on"
            print(Interrupted("the search", why=why, remedy=remedy), file=sys.stderr, flush=True)
            os._exit(EXIT_CODES[HEAD_GONE])


def _probe(nodes: Sequence[dict[str, Any]], wanted: Wanted, params: ClusterParams) -> dict[str, Seen]:
    """Node → what it says; raises NotShared or OtherVersion for one that must not train."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    storage, nonce = opened(wanted.place), secrets.token_hex(16)
    storage.write(SHARED, nonce.encode())
    look = ray.remote(node.look)
    asked = {}
    for one in nodes:
        there = NodeAffinitySchedulingStrategy(one["NodeID"], soft=False)
        arguments = (wanted.place, nonce, f"{SHARED}-{one['NodeID']}", [str(file) for file in wanted.files])
        asked[one["NodeID"]] = look.options(num_cpus=0, scheduling_strategy=there, max_retries=0).remote(*arguments)
    found: dict[str, Seen] = {}
    for one in nodes:
        where = f"{one['NodeName']} ({one['NodeManagerAddress']})"
        try:
            seen = found[one["NodeID"]] = ray.get(asked[one["NodeID"]], timeout=_PROBE_SECONDS)
        except Exception as error:  # whatever Ray says of a node that cannot run our code
            why = " ".join(str(error).split()[-30:])
            raise OtherVersion(
                "a node", where=where, why=why, remedy="install what Convoy needs there, see docs/cluster.md"
            ) from error
        _require(seen, where, wanted, params)
        if storage.read(f"{SHARED}-{one['NodeID']}") != nonce.encode():
            raise _not_shared(wanted.place, where, "what it writes there is not seen here", params)
        storage.delete(f"{SHARED}-{one['NodeID']}")
    return found


def _require(seen: Seen, where: str, wanted: Wanted, params: ClusterParams) -> None:
    if seen.code != node.code_digest():
        raise OtherVersion("Convoy", where=where, why="its workers import other code", remedy="take Convoy off its PYTHONPATH")
    if seen.storage:
        raise _not_shared(wanted.place, where, seen.storage, params)
    if seen.missing:
        why = f"it does not see {seen.missing[0]}, and these images are larger than memory"
        raise NotShared("the images", where=where, why=why, remedy="put the project into a folder that all nodes see")


def _not_shared(place: str, where: str, why: str, params: ClusterParams) -> NotShared:
    remedy = "check the mount or the credentials there" if params.storage else "set cluster.storage to what all nodes reach"
    return NotShared("checkpoints", where=where, why=f"{place}: {why}", remedy=remedy)
