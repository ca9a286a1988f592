"""What the driver tells a worker to do and what the worker answers: plain values, so that neither needs the other's libraries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pipeline.data.preparation import packed
from pipeline.data.preparation.packed import Packed
from pipeline.data.preparation.recipe import Recipe
from pipeline.data.preparation.shards import Shard, Shards
from pipeline.errors import ConvoyError, DiskBroken, DiskFull, NotShared, OtherVersion
from pipeline.training.halving import fewer
from pipeline.training.hyperparameters import Value, parse
from pipeline.training.metrics import EpochMetrics

Hindrance = Literal["", "disk full", "disk broken", "not shared", "other code"]


@dataclass(frozen=True)
class Assignment:
    """One trial to train: `folder`, a path or the address of a storage, holds its checkpoint and the ledger of all epochs begun.

    Of a rerun, what the trained network says of each image is wanted too; with a `fold`, this one of train + val is held out and
    takes the place of val. With `measures_latency` the first message says how long the network takes for one image.
    """

    trial_key: str
    family: str
    hyperparameters: dict[str, Value]
    seed: int
    folder: str
    threads: int
    device: Literal["cpu", "cuda"]
    rerun: bool = False
    fold: int | None = None
    images_at_a_time: int | None = None  # at most, of a batch; None: whole batches; 0: not even the fewest that are tried
    measures_latency: bool = False
    trials_a_gpu: int = 1  # so many share its GPU
    pool: str = ""  # the type of GPU of the nodes where it trains
    larger: bool = False  # there are GPUs with more memory, where it goes on if it finds too little
    devices: int = 1  # so many share its batches
    attempt: int = 0  # where several machines train: higher than that of any attempt before, so that the latest is told apart
    code: str = ""  # where several machines train: the digest of the driver's Convoy

    def record(self) -> dict[str, Any]:
        """As a configuration of Ray Tune."""
        return dict(vars(self))

    def with_less_memory(self) -> Assignment:
        """The same trial with half as many images at a time; with 0 when these would be too few."""
        batch = parse(self.family, self.hyperparameters).train.batch_size
        return replace(self, images_at_a_time=fewer(self.images_at_a_time or batch) or 0)

    def at(self, pool: str, trials_a_gpu: int, threads: int, larger: bool) -> Assignment:
        """The same trial at another place."""
        return replace(self, pool=pool, trials_a_gpu=trials_a_gpu, threads=threads, larger=larger)

    @property
    def may_be_crowded(self) -> bool:
        """Whether there may be more memory for it than it has now."""
        return self.trials_a_gpu > 1 or self.larger


@dataclass(frozen=True, eq=False)
class TrialData:
    """What every trial of a study trains and is measured on; the arrays are shared between trials and only read."""

    recipe: Recipe
    train: Packed
    val: Packed

    def holding_out(self, fold: int) -> TrialData:
        """Train and val together without this fold, which takes the place of val."""
        return TrialData(self.recipe, *packed.hold_out([self.train, self.val], fold))

    @property
    def shards(self) -> list[Shard]:
        """The files of images that are too many for memory."""
        sets = [images for images in (self.train.images, self.val.images) if isinstance(images, Shards)]
        return [piece for images in sets for piece in images.pieces if isinstance(piece, Shard)]

    def with_shards(self, change: Callable[[Shards], Shards]) -> TrialData:
        """The same images, with another way to those that are too many for memory."""

        def changed(split: Packed) -> Packed:
            return replace(split, images=change(split.images)) if isinstance(split.images, Shards) else split

        return replace(self, train=changed(self.train), val=changed(self.val))

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the images take; what stays on disk is opened by each worker."""
        return self.train.images.nbytes + self.val.images.nbytes


@dataclass(frozen=True)
class Message:
    """What a worker reports at once: epochs trained (all of them after a resume), and an end other than the planned one.

    A hindrance ends no trial: it goes on from its checkpoint when there is space, the disk is well again, or the node sees the
    storage and runs our code.
    """

    trial_key: str
    epochs: list[EpochMetrics] = field(default_factory=list)
    end: Literal["", "diverged", "out_of_memory", "failed"] = ""
    reason: str = ""  # for a person; for `failed` its last line is the exception
    outcomes: bytes = b""  # of a rerun that is trained to its end: outcomes.Outcomes of the images it is scored on
    note: str = ""  # what is to be known of the training beside its metrics
    latency_ms: float | None = None  # where it was wanted, said once and before any epoch
    crowded: int = 0  # bytes, more than which it needs where it found too little memory beside others, to go on elsewhere
    gpu_megabytes: float | None = None  # the most that its tensors took so far, where it is counted
    hindrance: Hindrance = ""

    def problem(self) -> ConvoyError | None:
        """Why the search cannot go on, though no trial is to blame."""
        if self.hindrance == "disk full":
            return DiskFull(self.trial_key, why=self.reason, remedy="free space and run the same command again")
        if self.hindrance == "disk broken":
            remedy = "look after the disk or the mount, then run the same command again"
            return DiskBroken(self.trial_key, why=self.reason, remedy=remedy)
        if self.hindrance == "not shared":
            return NotShared("cluster.storage", why=self.reason, remedy="let every node see it, then run the same command again")
        if self.hindrance == "other code":
            remedy = "take Convoy off its PYTHONPATH, then run the same command again"
            return OtherVersion("Convoy", why=self.reason, remedy=remedy)
        return None
