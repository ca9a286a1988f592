"""Ten fixed configurations through Convoy and through what others use, alternating, in one run: wall, CPU, memory, accuracy.

    python benchmarks/bench_search.py [--images 4000] [--rounds 3] [--arms plain optuna kerastuner synetune convoy] [--install]

Every arm trains the same networks on the same images for the same epochs and nothing is stopped early; what is measured is the
whole process. KerasTuner and Syne Tune live in benchmarks/.peers, which --install makes; without it they are skipped.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Sequence

from fixed_search import ARMS, CONFIGURATIONS, PEERS, Found, install_peers, prepared
from scratch_project import machine


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=4000, help="train images; a quarter as many for validation")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--configurations", type=int, default=len(CONFIGURATIONS), help="the first so many")
    parser.add_argument("--repeats", type=int, default=1, help="times as many epochs each")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--install", action="store_true", help=f"make {PEERS}, the environment of two peers")
    options = parser.parse_args()
    if options.install:
        install_peers()
    for name in (name for name in options.arms if ARMS[name].missing):
        print(f"skipped: {ARMS[name].title}, which lives in {PEERS}; --install makes it")
    arms = [name for name in options.arms if not ARMS[name].missing]
    print(machine())
    print("round  arm         wall s   CPU s  peak MiB  epochs  best accuracy")
    found: dict[str, list[Found]] = {name: [] for name in arms}
    with prepared(options.images, CONFIGURATIONS[: options.configurations], options.repeats) as project:
        for number in range(options.rounds):
            for name in arms[number % len(arms) :] + arms[: number % len(arms)]:
                found[name].append(project.run(ARMS[name], seed=number))
                print(f"{number:5d}  {name:10s}  {_row(found[name][-1])}", flush=True)
    print(f"medians of {options.rounds} rounds, {options.images} train images (smallest–largest):")
    for name, results in found.items():
        print(f"       {name:10s}  {_medians(results)}  {_ratio(results, found.get('convoy', results))}")
    around = [one.around_seconds for one in found.get("convoy", []) if one.around_seconds is not None]
    if around:
        print(f"Convoy before its first epoch and after its last: {_spread(around, '{:.1f}'.format)} s")


def _row(one: Found) -> str:
    cost = one.cost
    around = "" if one.around_seconds is None else f"  {one.around_seconds:.1f} s before its first epoch and after its last"
    return f"{cost.seconds:6.1f}  {cost.cpu_seconds:6.1f}  {cost.peak_mib:8.0f}  {one.epochs:6d}  {one.best:.4f}{around}"


def _medians(results: Sequence[Found]) -> str:
    wall = _spread([one.cost.seconds for one in results], "{:.1f}".format)
    cpu = _spread([one.cost.cpu_seconds for one in results], "{:.0f}".format)
    memory = _spread([one.cost.peak_mib for one in results], "{:.0f}".format)
    epochs = "/".join(str(count) for count in sorted({one.epochs for one in results}))
    best = _spread([one.best for one in results], "{:.4f}".format)
    return f"{wall} s  {cpu} CPU s  {memory} MiB  {epochs} epochs  best {best}"


def _spread(values: Sequence[float], show: Callable[[float], str]) -> str:
    return f"{show(statistics.median(values))} ({show(min(values))}–{show(max(values))})"


def _ratio(results: Sequence[Found], convoy: Sequence[Found]) -> str:
    """How many times Convoy's wall time: median of the rounds' ratios."""
    ratios = [one.cost.seconds / other.cost.seconds for one, other in zip(results, convoy, strict=True)]
    return f"{statistics.median(ratios):.2f}× ({min(ratios):.2f}–{max(ratios):.2f})"


if __name__ == "__main__":
    main()
