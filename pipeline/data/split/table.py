"""splits.parquet: one row a distinct digest."""

from __future__ import annotations

import hashlib
import io

import pandas as pd

COLUMNS = {"digest": "str", "split": "str", "fold": "Int8", "cluster": "str"}


def to_bytes(splits: pd.DataFrame) -> bytes:
    """splits.parquet: digest, split, fold (missing in test and without folds), cluster (digest of the medoid)."""
    stream = io.BytesIO()
    splits.astype(COLUMNS)[list(COLUMNS)].to_parquet(stream, index=False)
    return stream.getvalue()


def read_splits(content: bytes) -> pd.DataFrame:
    """The frame written by to_bytes."""
    return pd.read_parquet(io.BytesIO(content)).astype(COLUMNS)


def digest(splits: pd.DataFrame) -> str:
    """Hexadecimal sha256 of the rows as text, sorted: the same whatever version of Parquet stored them."""
    rows = splits.astype(COLUMNS)[list(COLUMNS)].sort_values(["digest", "split"])
    return hashlib.sha256(rows.to_csv(index=False, lineterminator="\n").encode()).hexdigest()
