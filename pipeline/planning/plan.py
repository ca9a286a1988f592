"""What a search will take, before anything is spent: a probe of a few seconds on the real data, and arithmetic."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline import artifacts, layout
from pipeline.cluster.settings import LOCAL, ClusterParams
from pipeline.data.preparation.recipe import Recipe
from pipeline.errors import MissingFile, ResourcesMissing
from pipeline.mounts import disk
from pipeline.planning.expectation import Expectation, Range, expect
from pipeline.planning.probe import Candidate, Probe, candidates, measure
from pipeline.search import identity
from pipeline.search.budget import Budget, Used
from pipeline.search.execution import cluster_nodes, resources
from pipeline.search.execution.allotment import Sharing
from pipeline.search.execution.resources import Node
from pipeline.search.forecast import Pace, duration
from pipeline.search.settings import SearchParams
from pipeline.search.spaces import space as spaces
from pipeline.search.spaces.space import Space
from pipeline.search.stopping import stopping
from pipeline.search.tally import Tally
from pipeline.study import store, studies

# Estimates, rounded up; benchmarks/bench_scale.py measures them.
_STUDY_BYTES, _STUDY_EPOCH_BYTES = 5_500, 250  # of a trial and of an epoch in the database of the study
_MLFLOW_BYTES, _MLFLOW_EPOCH_BYTES = 30_000, 3_000  # and in MLflow's


@dataclass(frozen=True)
class Plan:
    """What a search would take: for people, and as numbers (None where only a plateau ends it, so that none is known)."""

    lines: list[str]
    expected: Expectation | None

    def record(self) -> dict[str, Any]:
        """For a script: each a range from `low` to `high`."""
        return {"expected": None if self.expected is None else asdict(self.expected), "told": self.lines}


def plan(params: SearchParams, state: Path, database: str, cluster: ClusterParams) -> Plan:
    """What `convoy search` would take; nothing is written. Raises MissingFile before preprocess has run.

    A cluster that this machine is a node of is asked what it has; raises what joining it does.
    """
    space = spaces.load(Path(params.space))
    recipe = _recipe()
    nodes, told = _nodes(cluster)
    share = Sharing(params, space, recipe, gpu_types=cluster.wanted_gpus(os.environ)).allot(nodes).resources
    known = candidates(space, recipe, params.limits)
    used = _used(params, space, recipe, database)
    probe = measure(known, space, recipe, share)
    lengths = [each.epochs * probe.pace.seconds(each.work) for each in known]
    expected = expect(Budget.of(params), used, lengths, _least_trained(params, known), share.slots)
    free, _ = disk(state)
    lines = [
        *told,
        *([f"used already: {used.trials} trials, {duration(used.seconds)}"] if used.trials else []),
        f"probe: {probe.networks} networks in {probe.seconds:.1f} s, threads {share.threads}: {_pace(probe.pace)}",
        f"a trial: {_between(_middle(lengths), duration)} for four of five, when it trains to its end",
        f"budget: {Budget.of(params)}",
        *_expected(expected, share.slots),
        *_disk(known, probe, expected, share.slots, free),
    ]
    return Plan(lines, expected)


def _nodes(cluster: ClusterParams) -> tuple[Sequence[Node], list[str]]:
    """Where trials would run, and what is to be known of that: what a trial takes is measured here in any case."""
    here, address = resources.this_machine(), cluster.where(os.environ)
    if address == LOCAL:
        return (here,), []
    if cluster.is_remote(os.environ):
        why = "a job server, which does not say what trials get: a plan for this machine alone"
        return (here,), [f"cluster: {address} is {why}"]
    nodes = cluster_nodes.look(address, cluster)
    if not nodes:
        remedy = "start nodes with --num-cpus; one that comes on demand is counted when it is there"
        raise ResourcesMissing("the cluster", where=address, why="no node has CPUs for trials now", remedy=remedy)
    slower = "" if here.gpus or not any(node.gpus for node in nodes) else ", which has no GPU: on theirs it is less"
    return nodes, [f"cluster: {cluster_nodes.listed(nodes)}; a trial is measured on this machine{slower}"]


def _recipe() -> Recipe:
    try:
        return Recipe.from_bytes(artifacts.read_bytes(layout.PROCESSED / "recipe.json"))
    except MissingFile as missing:
        raise MissingFile(missing.what, why="the images are not prepared yet", remedy="run `dvc repro preprocess`") from missing


def _used(params: SearchParams, space: Space, recipe: Recipe, database: str) -> Used:
    """By the study that the search would continue."""
    row = identity.new_study(params, space, recipe, {})
    if not studies.begun(database):
        return Used()
    try:
        study = store.Study(database, row.study_id)
    except KeyError:
        return Used()
    snapshot = study.snapshot()
    return Tally(snapshot.direction, snapshot.trials, snapshot.objectives).used(study.row.seconds_used)


def _least_trained(params: SearchParams, known: Sequence[Candidate]) -> float:
    """Share (0–1) of the planned epochs that the stopping rule leaves at best; what is audited is trained to its end."""
    rule = stopping(params.stopping, params.rule())
    stopped = statistics.fmean(rule.least_trained(each.epochs) for each in known)
    return stopped + params.audit_share * (1 - stopped)


def _expected(expected: Expectation | None, slots: int) -> list[str]:
    if expected is None:
        return ["trials, time: as many as it takes; give another limit too to know"]
    lines = [
        f"trials: {_between(expected.trials, lambda value: f'{value:.0f}')}",
        f"time: {_between(expected.seconds, duration)}, {slots} trials at once",
        f"training: {_between(expected.worker_seconds, lambda value: f'{value / 3600:.2g}')} worker-hours",
    ]
    return lines if expected.money is None else [*lines, f"money: {_between(expected.money, lambda value: f'{value:.2g}')}"]


def _disk(known: Sequence[Candidate], probe: Probe, expected: Expectation | None, slots: int, free: float) -> list[str]:
    """Running trials have a checkpoint each; its epochs are those of whole trials."""
    checkpoints = slots * probe.checkpoint_bytes * max(each.parameters for each in known)
    line = f"disk: checkpoints up to {_megabytes(checkpoints)}"
    if expected is not None:
        epochs = statistics.fmean(each.epochs for each in known)
        study = expected.trials.high * (_STUDY_BYTES + epochs * _STUDY_EPOCH_BYTES)
        mlflow = expected.trials.high * (_MLFLOW_BYTES + epochs * _MLFLOW_EPOCH_BYTES)
        line += f", study {_megabytes(study)}, MLflow {_megabytes(mlflow)}"
    return [f"{line}; {free / 1e9:.0f} GB are free"]


def _middle(lengths: Sequence[float]) -> Range:
    """Four of five lie within."""
    tenths = statistics.quantiles(lengths, n=10)
    return Range(tenths[0], tenths[-1])


def _pace(found: Pace) -> str:
    return f"{1e3 * found.step:.2g} ms a step and {1e9 * found.multiply_add:.2g} ns a multiply-add"


def _between(found: Range, text: Callable[[float], str]) -> str:
    low, high = text(found.low), text(found.high)
    return low if low == high else f"{low} to {high}"


def _megabytes(size: float) -> str:
    return f"{size / 1e6:.1f} MB" if size < 1e7 else f"{size / 1e6:.0f} MB"
