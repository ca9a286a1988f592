"""A search driven without Ray: a real conductor on a real database, and workers whose numbers follow from the hyperparameters."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from pipeline.errors import DoesNotFit
from pipeline.outcomes import Outcomes
from pipeline.search.candidates import plan
from pipeline.search.conductor import Conductor
from pipeline.search.execution.hangs import Hangs
from pipeline.search.execution.messages import Message
from pipeline.search.phases import Phases
from pipeline.search.reselection import Reselection
from pipeline.search.settings import SearchParams
from pipeline.search.spaces.space import Space, load
from pipeline.study import store
from pipeline.study.records import Rerun, StudyRow, StudySnapshot, TrialRecord
from pipeline.study.reruns import Reruns
from pipeline.training.hyperparameters import Value
from pipeline.training.metrics import EpochMetrics

SPACE = """
family: cnn
smallest_image: 8
hyperparameters:
  train.epochs: {type: int, low: 1, high: 9}
  train.learning_rate: {type: float, low: 1e-4, high: 1e-1, log: true}
  model.num_conv_layers: {type: int, low: 1, high: 8}
"""
STUDY = "00112233aabbccdd"
FIRST, SECOND = f"{STUDY[:8]}-0000", f"{STUDY[:8]}-0001"


def epoch(number: int, accuracy: float, loss: float = 1.0) -> EpochMetrics:
    """An epoch of this accuracy."""
    return EpochMetrics(number, 1.0, loss, accuracy, accuracy, accuracy, accuracy, 0.5)


def curve(trial: TrialRecord) -> list[EpochMetrics]:
    """What training would measure: it rises towards a height that the learning rate and the number of layers decide."""
    rate, layers = float(trial.hyperparameters["train.learning_rate"]), int(trial.hyperparameters["model.num_conv_layers"])
    height = 0.9 - abs(math.log10(rate) + 2) / 4 - abs(layers - 3) / 20
    return [epoch(number, height * (1 - 0.5**number)) for number in range(1, trial.planned_epochs + 1)]


def space(folder: Path, text: str = SPACE) -> Space:
    """The search space of this text."""
    (folder / "space.yaml").write_text(text)
    return load(folder / "space.yaml")


def everything_fits(hyperparameters: Mapping[str, Value]) -> None:
    """Any network is possible."""


def at_most_4_layers(hyperparameters: Mapping[str, Value]) -> None:
    """Refuses deeper ones as arithmetic does."""
    layers = int(hyperparameters["model.num_conv_layers"])
    if layers > 4:
        raise DoesNotFit("layer conv5", why=f"{layers} layers on 8×8", remedy="fewer")


def nobody_hangs() -> Hangs:
    """As if no trial ever did."""
    return Hangs(math.inf, lambda names: {})


@dataclass
class Clock:
    """Time that passes when told to, in seconds."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Search:
    """Everything that outlives a driver: the database, and what the workers have on their disk."""

    folder: Path
    text: str = SPACE
    fits: Callable[[Mapping[str, Value]], None] = everything_fits
    measure: Callable[[TrialRecord], list[EpochMetrics]] = curve
    clock: Clock = field(default_factory=Clock)
    objectives: tuple[str, ...] = ()
    latency: Callable[[TrialRecord], float] | None = None  # told by workers before the first epoch
    checkpoints: dict[str, list[EpochMetrics]] = field(default_factory=dict)
    ledger: list[tuple[str, int]] = field(default_factory=list)  # trial key and number of every epoch trained
    ended: list[TrialRecord] = field(default_factory=list)
    listener: Callable[[TrialRecord], object] = lambda trial: None  # is told of each end as well
    while_behind: Callable[[], object] = lambda: None  # what happens while commits wait for a database that is away
    ended_again: list[Rerun] = field(default_factory=list)
    idle: Callable[[], object] | None = None  # is told when a worker has nothing more to do while others train

    @property
    def url(self) -> str:
        """The address of the database."""
        return f"sqlite:///{self.folder / 'studies.db'}"

    def conductor(self, **params: object) -> Conductor:
        """A driver that has just opened the study."""
        identity = {"space": "s"} | ({"objectives": ",".join(self.objectives)} if self.objectives else {})
        row = StudyRow(STUDY, 1.0, "val_accuracy", identity, {}, 0.0, False)
        study = self.open(row)
        settings = SearchParams.model_validate({"stopping": "none", "audit_share": 0.0, **params})
        searched = space(self.folder, self.text)
        return Conductor(study, searched, settings, self.fits, self._tell, self.clock, self.costs)

    def open(self, row: StudyRow) -> store.Study:
        """The study, as the driver opens it."""
        return store.create(self.url, row)[0]

    def _tell(self, trial: TrialRecord) -> None:
        self.ended.append(trial)
        self.listener(trial)

    def costs(self, hyperparameters: Mapping[str, Value]) -> dict[str, float]:
        """More layers have more parameters."""
        return {"parameters": 100.0 * int(hyperparameters["model.num_conv_layers"])} if "parameters" in self.objectives else {}

    def phases(self, **params: object) -> Phases:
        """A driver that has just opened the study and will reselect, as run.search makes it."""
        settings = SearchParams.model_validate({"stopping": "none", **params})
        search, reruns = self.conductor(**params), Reruns(self.url, STUDY)
        reruns.put_aside()
        if not settings.reselect.wanted:
            reruns.drop_others(())

        def reselect() -> Reselection:
            planned = plan(self.snapshot(), settings.reselect, settings.seed)
            return Reselection(reruns, planned, settings.metric, self.ended_again.append)

        return Phases(search, dict, reselect if settings.reselect.wanted else None, self.idle)

    def snapshot(self) -> StudySnapshot:
        """The study as another process reads it."""
        return store.read(self.url, STUDY)

    def work(self, conductor: Conductor | Phases, slots: int = 1, epochs: float = math.inf, heard: bool = True) -> None:
        """Let workers train until the conductor ends it, or all are killed after `epochs`, the last one `heard` of or not."""
        running: dict[str, Iterator[Message]] = {}
        limit = len(self.ledger) + epochs
        while not conductor.over:
            while len(running) < slots and (trial := conductor.next()):
                running[trial.key] = self.messages(trial)
            if not running and not conductor.behind:
                return
            if conductor.behind:
                self.while_behind()
                time.sleep(0.01)
            for key in list(running):
                message = next(running[key])
                if len(self.ledger) >= limit and not heard:
                    return
                if conductor.heard(message):
                    del running[key]
                if len(self.ledger) >= limit:
                    return

    def messages(self, trial: TrialRecord) -> Iterator[Message]:
        """What a worker says that takes up this trial, as run_trial does."""
        saved = self.checkpoints.setdefault(trial.key, [])
        rerun = "s" in trial.key
        if self.latency is not None and not rerun and "latency_ms" not in trial.costs:
            yield Message(trial.key, latency_ms=self.latency(trial))
        if saved:
            yield Message(trial.key, list(saved), outcomes=self.outcomes(saved, trial) if rerun else b"")
        try:
            for metrics in self.measure(trial)[len(saved) :]:
                self.ledger.append((trial.key, metrics.epoch))
                saved.append(metrics)
                self.clock.now += 1
                yield Message(trial.key, [metrics], outcomes=self.outcomes(saved, trial) if rerun else b"")
        except ValueError as error:
            yield Message(trial.key, end="failed", reason=f"Traceback\n{type(error).__name__}: {error}")

    @staticmethod
    def outcomes(saved: list[EpochMetrics], trial: TrialRecord) -> bytes:
        """What a network says of 100 images that is as good as the last epoch was, when it is trained to its end."""
        if len(saved) < trial.planned_epochs:
            return b""
        actual = np.arange(100) % 5
        hits = np.arange(100) < round(100 * (saved[-1].val_accuracy or 0.0))
        return Outcomes(actual, np.where(hits, actual, (actual + 1) % 5), np.ones(100, np.float32)).to_bytes()


def story(snapshot: StudySnapshot) -> list[tuple[object, ...]]:
    """What a study says without the time of day: the same for two searches that went the same way."""
    runs = (*snapshot.trials, *(rerun.run for rerun in snapshot.reruns))
    return [
        (t.number, t.key, t.hyperparameters, t.seed, t.state, t.value, t.reason, [replace(e, seconds=0) for e in t.epochs])
        for t in runs
    ]
