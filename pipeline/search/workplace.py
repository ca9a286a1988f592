"""Where the trials of a search run: a Ray of our own on this machine, or a cluster that exists."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, repeat
from pathlib import Path

from pipeline.cluster.place import opened, within
from pipeline.cluster.settings import LOCAL, ClusterParams, is_job_server
from pipeline.data.preparation.shards import Shard, Shards
from pipeline.errors import WrongValue
from pipeline.search import ray_environment
from pipeline.search.allotment import Allotment
from pipeline.search.checkpoints import SHARED, next_attempt
from pipeline.search.joined_ray import JoinedRay, Wanted
from pipeline.search.local_ray import LocalRay
from pipeline.search.messages import TrialData
from pipeline.search.ray_thread import RayThread
from pipeline.search.resources import Node
from pipeline.search.room import Room

Allot = Callable[[Sequence[Node]], Allotment]  # of these nodes; of this machine when there are none


@dataclass(frozen=True)
class Workplace:
    """`share()` is known once `ray` is ready; `place` holds the checkpoints; `attempts()` number what is tried."""

    ray: RayThread
    share: Callable[[], Allotment]
    place: str
    attempts: Callable[[], Iterator[int]] = lambda: repeat(0)
    nodes: Callable[[], Sequence[Node]] | None = None
    want: Callable[[int, Mapping[str, float]], None] = lambda trials, each: None

    @property
    def is_cluster(self) -> bool:
        """Whether others have part in it."""
        return self.nodes is not None

    def room(self, share: Allotment) -> Room:
        """For the trials of one search."""
        return Room(share.resources, share.gpus, share.gpu_bytes, print, self.nodes, self.want)


def workplace(cluster: ClusterParams, folder: Path, allot: Allot, data: TrialData, gone: Callable[[str], None]) -> Workplace:
    """As params.yaml and RAY_ADDRESS say; nothing of Ray is started yet. `folder` is that of the study on this machine.

    `gone(why)` is told, in another thread, when the cluster is lost.
    """
    place = within(cluster.storage, folder.name) if cluster.storage else str(folder)
    address = cluster.where(os.environ)
    if address == LOCAL:
        share = allot(())
        ray_environment.prepare(share.resources.threads)
        ray = LocalRay(share.resources.slots, share.gpus, data.nbytes)
        return Workplace(ray, lambda: share, place, (lambda: _counted(place)) if cluster.storage else lambda: repeat(0))
    if is_job_server(address):
        remedy = "send it there with `convoy submit`, or name HOST:PORT of the cluster that this machine is a node of"
        raise WrongValue("cluster.address", why=f"{address} is that of a job server", remedy=remedy)
    ray_environment.prepare_to_join()
    joined = JoinedRay(address, cluster, Wanted(place, _on_disk(data), folder), gone)
    return Workplace(joined, lambda: allot(joined.nodes()), place, lambda: _counted(place), joined.nodes, joined.want)


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
