"""A process that settles one version at the same moment as others: the verdict is taken when all have read the log."""

from __future__ import annotations

from multiprocessing.synchronize import Barrier

from pipeline.tracking.alias_log import open_log
from pipeline.tracking.challenge import settle
from pipeline.tracking.connection import connect
from pipeline.tracking.gate import Verdict


def race(uri: str, experiment: str, rounds: list[str], version: str, barrier: Barrier) -> None:
    """In each round, a registered model: higher versions are better; nobody has an entry before everybody has a verdict."""
    client = connect(uri)
    for name in rounds:
        met: list[str] = []

        def judged(champion: str, met: list[str] = met) -> Verdict:
            if not met:
                barrier.wait(60)
            met.append(champion)
            better = not champion or int(version) > int(champion)
            return Verdict("champion" if better else "challenger", f"{version} against {champion or 'nobody'}")

        barrier.wait(60)
        settle(open_log(client, name, experiment), version, judged)
