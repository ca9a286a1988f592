"""Catalogs as split reads them, made of names alone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from pipeline.data.duplicates.clusters import NearPairs
from pipeline.data.split.assign import Division, divide
from pipeline.data.split.earlier import Earlier
from pipeline.data.split.settings import SplitParams

PARAMS = SplitParams()
Row = tuple[str, str, str | None]  # label, digest, given split


def digests(name: str, count: int) -> list[str]:
    return [hashlib.sha256(f"{name}{number}".encode()).hexdigest() for number in range(count)]


def frame(rows: Sequence[Row], groups: Mapping[str, str] | None = None) -> pd.DataFrame:
    """groups: digest → group."""
    table = pd.DataFrame(rows, columns=["label", "digest", "split"])
    return table.assign(group=pd.Series([(groups or {}).get(digest) for digest in table["digest"]], dtype="str"))


def free(**counts: int) -> list[Row]:
    return [(label, digest, None) for label, count in counts.items() for digest in digests(label, count)]


def given(split: str, **counts: int) -> list[Row]:
    return [(label, digest, split) for label, count in counts.items() for digest in digests(split + label, count)]


def sides(division: Division) -> dict[str, str]:
    return dict(zip(division.splits["digest"], division.splits["split"], strict=True))


def made(division: Division) -> Earlier:
    """A division as the next one finds it."""
    folded = division.splits.dropna(subset="fold")
    return Earlier(sides(division), dict(zip(folded["digest"], folded["fold"].astype(int), strict=True)))


def divided(rows: Sequence[Row], params: SplitParams = PARAMS, groups: Mapping[str, str] | None = None) -> dict[str, str]:
    return sides(divide(frame(rows, groups), params))


def no_pairs() -> NearPairs:
    none = np.empty(0, dtype=np.int64)
    return NearPairs(0.35, 0.0, none, none, np.empty(0, dtype=np.float32))
