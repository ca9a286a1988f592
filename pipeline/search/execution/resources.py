"""How many trials run at once, and with what: from what this machine has, or the nodes of a cluster."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import ResourcesMissing
from pipeline.search.execution.packing import Packing
from pipeline.search.settings import SearchParams

_GPU_FILES = ("nvidia*", "nvgpu*", "nvhost*", "nvmap", "dxg", "kfd")  # of NVIDIA's drivers, of WSL, of ROCm


@dataclass(frozen=True)
class Node:
    """What one machine has, each of its GPUs so many bytes; `name` is for people, `node_id` for Ray."""

    cpus: float
    gpus: int = 0
    gpu_bytes: float = 0
    name: str = "this machine"
    gpu_type: str = ""  # A100, L4, …: as Ray calls it, where it knows
    node_id: str = ""

    def trials(self, cpus: float, gpus: float) -> int:
        """How many trials fit at once that each take so much."""
        fits = [self.cpus / cpus] if cpus else []
        fits += [_on_gpus(self.gpus, gpus)] if gpus else []
        return int(min(fits, default=1) + 1e-9)


@dataclass(frozen=True)
class Resources:
    """What one trial gets, and how many trials fit at once."""

    cpus: float
    gpus: float
    slots: int

    @property
    def trials_a_gpu(self) -> int:
        """Trials that share a GPU; 1 where each has one or several, or none."""
        return _a_gpu(self.gpus) if self.gpus else 1

    @property
    def threads(self) -> int:
        """Threads torch may use in one trial."""
        return max(1, int(self.cpus))


def available_cpus() -> int:
    """Cores this process may run on."""
    return len(os.sched_getaffinity(0))


def available_gpus() -> int:
    """GPUs that torch can use here; torch, which takes seconds to load, is asked only where there may be one."""
    if sys.platform == "linux" and not any(any(Path("/dev").glob(pattern)) for pattern in _GPU_FILES):
        return 0
    import torch

    return torch.cuda.device_count()


def gpu_bytes() -> int:
    """Memory of the smallest of these GPUs; there must be one."""
    import torch

    return min(torch.cuda.get_device_properties(number).total_memory for number in range(torch.cuda.device_count()))


def this_machine() -> Node:
    """As it is."""
    gpus = available_gpus()
    return Node(available_cpus(), gpus, gpu_bytes() if gpus else 0)


def holds(node: Node, params: SearchParams) -> bool:
    """Whether a trial can be there that is to have so much, by numbers that stand in params.yaml."""
    wanted = ((params.cpus_per_trial, node.cpus), (params.gpus_per_trial, node.gpus))
    return all(amount == "auto" or amount <= there for amount, there in wanted)


def plan(params: SearchParams, nodes: Sequence[Node], trials_a_gpu: int = 1) -> Resources:
    """Resources of a trial on these machines, on whose GPUs `auto` lets so many trials share each.

    `auto` uses every GPU present, with the cores of its machine shared among the trials, by the machine that has fewest cores
    for them; without a GPU one core a trial.
    Raises ResourcesMissing for what can never be met, instead of waiting for ever.
    """
    share = Packing(trials_a_gpu).share if any(node.gpus for node in nodes) else 0.0
    gpus = share if params.gpus_per_trial == "auto" else params.gpus_per_trial
    taking = [node for node in nodes if node.gpus >= gpus]
    fair = min((_fair_cpus(node.cpus, node.gpus, gpus) for node in taking), default=1.0)
    cpus = fair if params.cpus_per_trial == "auto" else params.cpus_per_trial
    _refuse("gpus_per_trial", gpus, max((node.gpus for node in nodes), default=0), "GPU", nodes)
    _refuse("cpus_per_trial", cpus, max((node.cpus for node in taking), default=0), "CPU", nodes)
    return Resources(cpus, gpus, max(1, sum(node.trials(cpus, gpus) for node in nodes)))


def _a_gpu(share: float) -> int:
    return max(1, int(1 / share + 1e-9))


def _on_gpus(gpus: int, gpus_per_trial: float) -> int:
    """Trials at once; a share of a GPU lies on one."""
    return int(gpus / gpus_per_trial) if gpus_per_trial > 1 else gpus * _a_gpu(gpus_per_trial)


def _fair_cpus(cpus: float, gpus: int, gpus_per_trial: float) -> float:
    """One core a trial, or as many trials' share as fit on the GPUs: whole cores where there are enough."""
    trials = _on_gpus(gpus, gpus_per_trial) if gpus_per_trial else 0
    return float(cpus // trials or cpus / trials) if trials else 1.0


def _refuse(name: str, need: float, have: float, kind: str, nodes: Sequence[Node]) -> None:
    if need > have:
        whose = "this machine has" if len(nodes) == 1 else f"of {len(nodes)} nodes none has more than"
        why = f"a trial needs {need:g} {kind}, {whose} {have:g}"
        raise ResourcesMissing(f"search.{name}", why=why, remedy=f"set it to at most {have:g}, or `auto`")
