"""Where the trials of a search run: a Ray of our own on this machine, or a cluster that exists."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, repeat
from pathlib import Path

from pipeline.cluster.node import code_digest
from pipeline.cluster.node_cache import stored
from pipeline.cluster.place import opened, within
from pipeline.cluster.settings import LOCAL, ClusterParams, is_job_server
from pipeline.cluster.storage import SHARED
from pipeline.errors import WrongValue
from pipeline.search.execution import ray_environment, resources
from pipeline.search.execution.allotment import Allotment, Sharing
from pipeline.search.execution.checkpoints import next_attempt
from pipeline.search.execution.joined_ray import JoinedRay
from pipeline.search.execution.local_ray import LocalRay
from pipeline.search.execution.messages import TrialData
from pipeline.search.execution.moved import Moved
from pipeline.search.execution.probe import Wanted
from pipeline.search.execution.ray_thread import RayThread
from pipeline.search.execution.resources import Node
from pipeline.search.execution.room import Request, Room


@dataclass(frozen=True)
class Workplace:
    """`nodes()` are known once `ray` is ready; `place` holds the checkpoints; `data` is found by whoever trains; `attempts()` are
    numbers of what is tried; `moved()` is what nodes received of the data; `code` is the digest of ours, to be theirs.
    """

    ray: RayThread
    sharing: Sharing
    nodes: Callable[[], Sequence[Node]]
    place: str
    data: TrialData
    attempts: Callable[[], Iterator[int]] = lambda: repeat(0)
    is_cluster: bool = False  # whether others have part in it
    want: Callable[[Sequence[Request]], None] = lambda requests: None
    moved: Callable[[], Moved | None] = lambda: None
    code: str = ""

    def share(self) -> Allotment:
        """What trials get, as things are now."""
        return self.sharing.allot(self.nodes())

    def room(self) -> Room:
        """For the trials of one search."""
        return Room(lambda: self.sharing.shares(self.nodes()), print, not self.is_cluster, self.want)


def workplace(cluster: ClusterParams, folder: Path, sharing: Sharing, data: TrialData, gone: Callable[[str], None]) -> Workplace:
    """As params.yaml and RAY_ADDRESS say; nothing of Ray is started yet. `folder` is that of the study on this machine.

    `gone(why)` is told, in another thread, when the cluster is lost.
    """
    place = within(cluster.storage, folder.name) if cluster.storage else str(folder)
    address = cluster.where(os.environ)
    if address == LOCAL:
        here = (resources.this_machine(),)
        share = sharing.allot(here)
        ray_environment.prepare(share.resources.threads)
        ray = LocalRay(share.resources.slots, share.gpus, data.nbytes)
        counted = (lambda: _counted(place)) if cluster.storage else lambda: repeat(0)
        return Workplace(ray, sharing, lambda: here, place, data, counted)
    if is_job_server(address):
        remedy = "send it there with `convoy submit`, or name HOST:PORT of the cluster that this machine is a node of"
        raise WrongValue("cluster.address", why=f"{address} is that of a job server", remedy=remedy)
    ray_environment.prepare_to_join()
    files = stored(data.shards, cluster.storage)
    joined = JoinedRay(address, cluster, Wanted(place, tuple(files.values()), folder), data.nbytes, gone)
    return Workplace(
        joined,
        sharing,
        joined.nodes,
        place,
        data.with_shards(lambda images: images.with_files(lambda shard: files[shard.path])),
        lambda: _counted(place),
        is_cluster=True,
        want=joined.want,
        moved=joined.moved,
        code=code_digest(),
    )


def _counted(place: str) -> Iterator[int]:
    """Numbers of attempts that write files of their own into a storage which every worker sees to be this one."""
    storage = opened(place)
    if storage.read(SHARED) is None:
        storage.write(SHARED, b"")
    return count(next_attempt(place))
