"""A cluster that exists: joined when it lets in only who has its token, and every node runs our code and sees our files."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from pathlib import Path

from pipeline.cluster import gcs, token
from pipeline.cluster.settings import ClusterParams
from pipeline.errors import ConvoyError, Interrupted, ResourcesMissing
from pipeline.search.execution import joining, node_clocks
from pipeline.search.execution.cluster_nodes import Offers, listed
from pipeline.search.execution.moved import Moved
from pipeline.search.execution.probe import Wanted, probe
from pipeline.search.execution.ray_nodes import present
from pipeline.search.execution.ray_thread import RayThread
from pipeline.search.execution.resources import Node
from pipeline.search.execution.room import Request
from pipeline.search.execution.supply import Supply
from pipeline.search.interruption import EXIT_CODES, HEAD_GONE

_LOOK_SECONDS = 2.0  # nodes are looked for no more often
_NODE_SECONDS = 900.0  # in which a node has come from a cloud
_MOST_WANTED = 1000  # trials for which an autoscaler is asked to have room
_HEAD_POLL_SECONDS, _HEAD_GONE_SECONDS = 3.0, 15.0


class JoinedRay(RayThread):
    """The cluster at `address`, once this process has joined it."""

    def __init__(
        self,
        address: str,
        params: ClusterParams,
        wanted: Wanted,
        in_memory: int,
        gone: Callable[[str], None],
    ) -> None:
        super().__init__()
        self._address, self._params, self._wanted, self._gone = address, params, wanted, gone
        self._supply = Supply(wanted.shards, in_memory)
        self._offers = Offers({})
        self._nodes: tuple[Node, ...] = ()
        self._looked = -_LOOK_SECONDS
        self._asked: Sequence[Request] = ()
        self._asked_at = -_LOOK_SECONDS

    def begin(self, unwanted: Callable[[], bool]) -> None:
        """Look, join, look at every node; raises SecurityRefusal, ClusterUnreachable, OtherVersion, NotShared, DiskFull."""
        address = joining.found(self._address, self._params.insecure)
        if unwanted():
            return
        joining.join(address, self._wanted.scratch)
        self._wait_for_a_node(address, unwanted)
        seen = probe(present(), self._wanted, self._params)
        self._offers = Offers(seen)
        offered = self.nodes()
        print(f"joined the cluster at {address}: {listed(offered)}")
        for line in node_clocks.warnings(present()):
            print(line)
        self._supply.begin(present(), seen, unwanted)
        threading.Thread(target=self._watch, args=(address,), name="head-watch", daemon=True).start()

    def nodes(self) -> tuple[Node, ...]:
        """Those that are there now and may train; one that came later is there from the next look on."""
        if time.monotonic() - self._looked >= _LOOK_SECONDS:
            before, self._nodes = self._nodes, self._offers.of(present())
            self._looked = time.monotonic()
            if before and before != self._nodes:
                print(f"the cluster has changed: {listed(self._nodes)}")
        return self._nodes

    def moved(self) -> Moved:
        """What the nodes received of the images so far."""
        return self._supply.moved(present())

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
        """Nodes that came for this search may go, and what the storage keeps for it."""
        self._supply.end()
        if self._asked and not self._to_stop.is_set():
            self._asked_at = -_LOOK_SECONDS
            self.want(())
        super().stop()

    def _wait_for_a_node(self, address: str, unwanted: Callable[[], bool]) -> None:
        """On a cluster that grows on demand there may be only a head yet."""
        begun = time.monotonic()
        while not present() and not unwanted():
            if not self._asked:
                print(f"no node of the cluster at {address} has CPUs for trials yet: waiting for one")
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
