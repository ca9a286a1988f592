"""The training loop: one network, trained epoch by epoch, that can stop after any of them and go on elsewhere."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator, Sequence

import torch

from pipeline.data.augmentation.augment import augment
from pipeline.data.augmentation.mixing import Mixed, mix
from pipeline.data.batches import batches
from pipeline.data.preparation.packed import Packed
from pipeline.data.preparation.recipe import Recipe
from pipeline.data.preparation.standardize import Standardize
from pipeline.data.seeds import generator
from pipeline.models.blocks import build
from pipeline.models.layers import Layer, Shape, layer_table
from pipeline.training.averaging import WeightAverage
from pipeline.training.checkpoint import Checkpoint
from pipeline.training.evaluation import LARGEST_BATCH, evaluate
from pipeline.training.hyperparameters import Hyperparameters
from pipeline.training.loss import cross_entropy, mixed_cross_entropy
from pipeline.training.metrics import METRICS, EpochMetrics
from pipeline.training.optimizer import learning_rate, optimizer
from pipeline.training.out_of_memory import memory_refused
from pipeline.training.precision import bfloat16_pays
from pipeline.training.ranks import OneRank
from pipeline.training.scores import scores
from pipeline.training.tensors import Labelled, Streamed, tensors

_ALONE = OneRank()
_NOTHING_MEASURED: dict[str, float | None] = dict.fromkeys(METRICS[1:])


class Diverged(Exception):
    """A loss became NaN or infinite, at this step of this epoch (both from 1); step None: weights or val loss, after the last."""

    def __init__(self, epoch: int, step: int | None) -> None:
        super().__init__(epoch, step)
        self.epoch, self.step = epoch, step

    def __str__(self) -> str:
        return f"diverged in epoch {self.epoch} " + (f"at step {self.step}" if self.step else "after its last step")


class Training:
    """A network, its optimizer, and the metrics of the epochs that it has been trained.

    The first weights depend on `seed` alone; order, augmentation and dropout of an epoch on (`seed`, epoch) alone. On the
    same device with the same number of threads, a training resumed from a checkpoint ends bit-identical to an unbroken one.
    """

    def __init__(
        self,
        hyperparameters: Hyperparameters,
        recipe: Recipe,
        *,
        seed: int,
        device: torch.device | str = "cpu",
        checkpoint: bytes | None = None,
        images_at_a_time: int | None = None,
        ranks: OneRank = _ALONE,
    ) -> None:
        """A new training, or the one whose `checkpoint` is given; raises DoesNotFit or OutOfMemory.

        With `images_at_a_time`, by default those of the checkpoint, a batch goes through the network in parts. With `ranks` it is
        one on several devices, each of which does the same with its share.
        """
        self.hyperparameters, self.seed, self.device, self.ranks = hyperparameters, seed, torch.device(device), ranks
        self.standardize = Standardize.of(recipe).to(self.device)
        self.kind, self.augmentation = recipe.kind, hyperparameters.augment.resolved(recipe.kind)
        self.class_weights = None if recipe.class_weights is None else torch.tensor(recipe.class_weights, device=self.device)
        layers = hyperparameters.layers(len(recipe.classes))
        self.bfloat16 = bfloat16_pays(self.device, sum(row.multiply_adds for row in layer_table(layers, recipe.shape)))
        self.images_at_a_time = images_at_a_time
        self.history: list[EpochMetrics] = []
        with memory_refused(0, self.device):
            ranks.together(lambda: self._begin(layers, recipe.shape, checkpoint), 0)

    @property
    def note(self) -> str:
        """What is to be known of a training whose batches go through the network in parts; "" of others."""
        parts = [f"a share of each batch on each of {self.ranks.count} devices"] if self.ranks.count > 1 else []
        if self.images_at_a_time is not None:
            parts.append(f"for want of memory {self.images_at_a_time} images at a time")
        if not parts:
            return ""
        said = f"{', '.join(parts)}, gradients added up"
        normalized = any(isinstance(module, torch.nn.modules.batchnorm._BatchNorm) for module in self.network.modules())
        return f"{said}; batch normalization saw these alone, so it is not exactly the whole batch" if normalized else said

    @property
    def kept(self) -> torch.nn.Module:
        """The network that is measured and handed out: the one trained, or the average of its weights."""
        return self._average.network if self._average else self.network

    def checkpoint(self) -> bytes:
        """The state after the last finished epoch, for `checkpoint=` of a Training with the same other arguments."""
        network, optimizer = self.network.state_dict(), self.optimizer.state_dict()
        average = self._average.network.state_dict() if self._average else None
        return Checkpoint(network, average, optimizer, tuple(self.history), self.images_at_a_time).to_bytes()

    def fit(self, train: Packed, val: Packed | None) -> Iterator[EpochMetrics]:
        """Train the epochs that are left of the plan and yield the metrics of each; without `val`, the train loss only.

        Raises Diverged at the step whose loss is not finite, OutOfMemory; of no use after either. The arrays are read and
        never written.
        """
        images = self.images_at_a_time or min(self.hyperparameters.train.batch_size, len(train.labels))
        with memory_refused(images, self.device):
            train_set, val_set = self.ranks.together(lambda: self._on_device(train, val), images)
        for epoch in range(len(self.history) + 1, self.hyperparameters.train.epochs + 1):
            started = time.perf_counter()
            with memory_refused(images, self.device):
                train_loss = self._train(epoch, *train_set)
                measured = self._validate(epoch, *val_set) if val_set is not None else _NOTHING_MEASURED
            self.history.append(EpochMetrics(epoch, train_loss, **measured, seconds=time.perf_counter() - started))
            yield self.history[-1]

    def _begin(self, layers: Sequence[Layer], shape: Shape, checkpoint: bytes | None) -> None:
        """As it stands before the next epoch."""
        with self._randomness("weights"):
            network = build(layers, shape)
        self.network: torch.nn.Module = network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        share = self.hyperparameters.train.averaging
        self._average = WeightAverage(self.network, share) if share else None
        self.optimizer = optimizer(self.network, self.hyperparameters.train)
        if checkpoint is not None:
            self._restore(Checkpoint.from_bytes(checkpoint, self.device))

    def _on_device(self, train: Packed, val: Packed | None) -> tuple[Labelled, Labelled | None]:
        return tensors(train, self.device), tensors(val, self.device) if val is not None else None

    def _train(self, epoch: int, images: torch.Tensor | Streamed, labels: torch.Tensor) -> float:
        """One epoch; the mean of its losses, a sample each."""
        train = self.hyperparameters.train
        order = list(batches(len(labels), train.batch_size, self.seed, epoch))
        changes = generator("augment", self.seed, epoch)
        unread = 1 if self.device.type == "cuda" else 0  # a GPU computes one step while the loss before it is awaited
        losses: list[torch.Tensor] = []
        self.network.train()
        whose = ("rank", self.ranks.rank) if self.ranks.rank else ()  # each share has its own
        with self._randomness("dropout", epoch, *whose), torch.backends.cudnn.flags(enabled=True, deterministic=True):
            for step, rows in enumerate(order, start=1):
                self._set_learning_rate(learning_rate(train, (epoch - 1) * len(order) + step - 1, train.epochs * len(order)))
                chosen = rows.to(images.device)
                losses.append(self._step(images[chosen], labels[chosen], changes))
                if self._average:
                    self._average.follow((epoch - 1) * len(order) + step)
                if step > unread:
                    _require_finite(losses[step - 1 - unread].item(), epoch, step - unread)
        _require_finite(losses[-1].item(), epoch, len(order))
        _require_finite(torch.nn.utils.get_total_norm(self.network.parameters()).item(), epoch, None)
        self.ranks.level(self.network, self._average.network if self._average else None)
        sizes = torch.tensor([float(len(rows)) for rows in order])
        return float(torch.stack(losses).cpu() @ sizes / sizes.sum())

    def _step(self, images: torch.Tensor, labels: torch.Tensor, changes: torch.Generator) -> torch.Tensor:
        """The loss of one batch, after the weights were moved to lower it."""
        batch = images.to(self.device, non_blocking=True).float() / 255
        batch = augment(batch, self.augmentation, self.kind, changes)
        self.optimizer.zero_grad(set_to_none=True)
        at_a_time = self.images_at_a_time or len(labels)
        loss = self.ranks.add_up(self.network, lambda: self._backward(batch, labels.to(self.device), changes), at_a_time)
        self.optimizer.step()
        return loss

    def _backward(self, batch: torch.Tensor, labels: torch.Tensor, changes: torch.Generator) -> torch.Tensor:
        """The part of this rank in the mean loss of values 0–1, its gradient left at the weights; mixed when that is wanted."""
        mixed = mix(batch, labels, self.augmentation, changes) if self.augmentation.mixes else None
        losses = []
        for rows in _parts(self.ranks.share(len(labels)), self.images_at_a_time):
            loss = self._loss(batch[rows], labels[rows]) if mixed is None else self._mixed_loss(mixed.part(rows))
            loss = loss * ((rows.stop - rows.start) / len(labels))
            torch.autograd.backward(loss)
            losses.append(loss.detach())
        return torch.stack(losses).sum() if losses else torch.zeros((), device=self.device)

    def _loss(self, batch: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return cross_entropy(self._logits(batch), labels, self.hyperparameters.train.label_smoothing, self.class_weights)

    def _mixed_loss(self, mixed: Mixed) -> torch.Tensor:
        smoothing = self.hyperparameters.train.label_smoothing
        return mixed_cross_entropy(self._logits(mixed.images), mixed, smoothing, self.class_weights)

    def _logits(self, batch: torch.Tensor) -> torch.Tensor:
        """float32 N×n of values 0–1."""
        batch = self.standardize.shares(batch).contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
            logits: torch.Tensor = self.network(batch)
        return logits.float()

    def _validate(self, epoch: int, images: torch.Tensor | Streamed, labels: torch.Tensor) -> dict[str, float | None]:
        """Metric name → value."""
        at_a_time = self.images_at_a_time or LARGEST_BATCH
        rows = self.ranks.share(len(labels))
        found = self.ranks.together(lambda: evaluate(self.kept, self.standardize, images, labels, at_a_time, rows), at_a_time)
        loss, confusion = self.ranks.pooled(found.loss, found.confusion)
        _require_finite(loss, epoch, None)
        score = scores(confusion)
        return {
            "val_loss": loss,
            "val_accuracy": score.accuracy,
            "val_precision_macro": score.precision_macro,
            "val_recall_macro": score.recall_macro,
            "val_f1_macro": score.f1_macro,
        }

    def _set_learning_rate(self, rate: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def _restore(self, checkpoint: Checkpoint) -> None:
        self.network.load_state_dict(checkpoint.network)
        if self._average and checkpoint.average is not None:
            self._average.network.load_state_dict(checkpoint.average)
        self.optimizer.load_state_dict(checkpoint.optimizer)
        self.history = list(checkpoint.history)
        self.images_at_a_time = min(filter(None, (self.images_at_a_time, checkpoint.images_at_a_time)), default=None)

    @contextlib.contextmanager
    def _randomness(self, *purpose: int | str) -> Iterator[None]:
        """Inside, torch's global generators follow from `purpose` and the seed; afterwards they are as they were before."""
        with torch.random.fork_rng([self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(generator(*purpose, self.seed).initial_seed())
            yield


def _parts(rows: slice, at_a_time: int | None) -> list[slice]:
    """Images in as few parts of at most `at_a_time` as possible, as equal as possible; None: all of them together."""
    count = rows.stop - rows.start
    parts = math.ceil(count / (at_a_time or count or 1))
    return [slice(rows.start + count * part // parts, rows.start + count * (part + 1) // parts) for part in range(parts)]


def _require_finite(value: float, epoch: int, step: int | None) -> None:
    if not math.isfinite(value):
        raise Diverged(epoch, step)
