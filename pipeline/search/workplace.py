"""Where the trials of a search run: a Ray of our own on this machine, or a cluster that exists."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, repeat
from pathlib import Path

from pipeline.cluster.place import opened, within
from pipeline.cluster.settings import LOCAL, ClusterParams, is_job_server
from pipeline.data.preparation.shards import Shard, Shards
from pipeline.errors import WrongValue
from pipeline.search import ray_environment, resources
from pipeline.search.allotment import Allotment, Sharing
from pipeline.search.checkpoints import SHARED, next_attempt
from pipeline.search.joined_ray import JoinedRay, Wanted
from pipeline.search.local_ray import LocalRay
from pipeline.search.messages import TrialData
from pipeline.search.ray_thread import RayThread
from pipeline.search.resources import Node
from pipeline.search.room import Request, Room


@dataclass(frozen=True)
class Workplace:
    """`nodes()` are known once `ray` is ready; `place` holds the checkpoints; `attempts()` number what is tried."""

    ray: RayThread
    sharing: Sharing
    nodes: Callable[[], Sequence[Node]]
    place: str
    attempts: Callable[[], Iterator[int]] = lambda: repeat(0)
    is_cluster: bool = False  # whether others have part in it
    want: Callable[[Sequence[Request]], None] = lambda requests: None

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
        return Workplace(ray, sharing, lambda: here, place, counted)
    if is_job_server(address):
        remedy = "send it there with `convoy submit`, or name HOST:PORT of the cluster that this machine is a node of"
        raise WrongValue("cluster.address", why=f"{address} is that of a job server", remedy=remedy)
    ray_environment.prepare_to_join()
    joined = JoinedRay(address, cluster, Wanted(place, _on_disk(data), folder), gone)
    return Workplace(joined, sharing, joined.nodes, place, lambda: _counted(place), is_cluster=True, want=joined.want)


def _counted(place: str) -> Iterator[int]:
    """Numbers of attempts that write files of their own into a storage which every worker sees to be this one."""
    storage = opened(place)
    if storage.read(SHARED) is None:
        storage.write(SHARED, b"")
    return count(next_attempt(place))


def _on_disk(data: TrialData) -> list[Path]:
    """The files of images that are too many for memory."""
    shards = [images for images in (data.train.images, data.val.images) if isinstance(images, Shards)]
    return [piece.path for images in shards for piece in images.whole if isinstance(piece, Shard)]
