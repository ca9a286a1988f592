"""Ingest, split and preprocess of a folder against Pillow in a torch Dataset: wall time and memory, alternating, in one run.

    python benchmarks/bench_data.py FOLDER [--rounds 3]

FOLDER holds train/CLASS/* and test/CLASS/*, for instance the 60,000 images of CIFAR-10 as JPEGs. Each round runs the three
stages in a new project, then once more after 1 % of the files changed, then the plain script (plain_dataset.py) with as
many loader processes as there are cores.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from scratch_project import Cost, machine, measured, run_stage, scratch_project

STAGES = ("ingest", "split", "preprocess")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, default=32)
    options = parser.parse_args()
    print(machine())
    print("round  arm            wall s  peak MiB")
    costs: dict[str, list[Cost]] = {}
    for number in range(options.rounds):
        for arm, cost in _round(options.folder.resolve(), options.size):
            costs.setdefault(arm, []).append(cost)
            print(f"{number:5d}  {arm:13s}  {cost.seconds:6.1f}  {cost.peak_mib:8.0f}", flush=True)
    print("median:")
    for arm, found in costs.items():
        seconds = [cost.seconds for cost in found]
        spread = f"{min(seconds):.1f}–{max(seconds):.1f}"
        memory = statistics.median(cost.peak_mib for cost in found)
        print(f"       {arm:13s}  {statistics.median(seconds):6.1f} ({spread})  {memory:.0f} MiB")
    _ratio(costs, "all three", "plain script")
    _ratio(costs, "ingest again", "ingest")


def _round(folder: Path, size: int) -> Iterable[tuple[str, Cost]]:
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="benchmark-") as beside:
        copy = Path(beside) / folder.name
        shutil.copytree(folder, copy, copy_function=os.link)  # links share the pixels, so that the copy costs little
        changes: dict[str, dict[str, object]] = {
            "ingest": {"source": "folder", "path": str(copy)},
            "preprocess": {"image_size": size},
        }
        with scratch_project(changes) as project:
            stages = {stage: run_stage(stage, project) for stage in STAGES}
            yield from stages.items()
            yield "all three", _sum(stages.values())
            _touch_a_hundredth(copy)
            yield "ingest again", run_stage("ingest", project)
        plain = [sys.executable, str(Path(__file__).with_name("plain_dataset.py")), str(copy)]
        yield "plain script", measured([*plain, "--size", str(size), "--workers", str(os.cpu_count())], copy)


def _touch_a_hundredth(folder: Path) -> None:
    """Write every hundredth file anew, with the content of the one after it."""
    for parent in sorted({file.parent for file in folder.rglob("*") if file.is_file()}):
        files = sorted(parent.iterdir())
        for one, other in zip(files[::100], files[1::100], strict=False):
            content = other.read_bytes()
            one.unlink()
            one.write_bytes(content)


def _sum(costs: Iterable[Cost]) -> Cost:
    costs = list(costs)
    return Cost(sum(cost.seconds for cost in costs), max(cost.peak_mib for cost in costs), "")


def _ratio(costs: dict[str, list[Cost]], one: str, other: str) -> None:
    seconds = [statistics.median(cost.seconds for cost in costs[arm]) for arm in (one, other)]
    print(f"{one} / {other}: {seconds[0] / seconds[1]:.2f} of the wall time")


if __name__ == "__main__":
    main()
