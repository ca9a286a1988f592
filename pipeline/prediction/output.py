"""Predictions written as they come, to a CSV, JSON, JSON-lines or Parquet file that is there whole or not at all."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from pipeline import artifacts
from pipeline.config import did_you_mean
from pipeline.errors import WrongValue
from pipeline.prediction.answer import Prediction

_ROWS_AT_A_TIME = 4096  # of a Parquet file

Write = Callable[[BinaryIO, Sequence[str], Iterable[Prediction]], None]


def require_known(file: Path) -> None:
    """Raises WrongValue unless the ending names one of FORMATS."""
    if file.suffix.lower() not in FORMATS:
        why = f"{file.suffix or 'no ending'} is no format that is written, {did_you_mean(file.suffix, list(FORMATS))}"
        raise WrongValue(str(file), why=why, remedy=f"end its name with {', '.join(FORMATS)}")


def write(file: Path, classes: Sequence[str], predictions: Iterable[Prediction]) -> None:
    """One row a prediction: path, label, reason (why there is no label), and p_<class> for each class.

    The predictions are taken one by one, so that any number of them can be written. Raises WrongValue, DiskFull.
    """
    require_known(file)
    with artifacts.writing(file) as stream:
        FORMATS[file.suffix.lower()](stream, classes, predictions)


def _csv(stream: BinaryIO, classes: Sequence[str], predictions: Iterable[Prediction]) -> None:
    text = io.TextIOWrapper(stream, "utf-8", newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["path", "label", "reason", *(f"p_{name}" for name in classes)])
    for one in predictions:
        said = [f"{one.probabilities[name]:.9g}" if one.probabilities else "" for name in classes]
        rows.writerow([one.path, one.label or "", one.reason, *said])
    text.detach()  # flushed, and the stream left open


def _json_lines(stream: BinaryIO, classes: Sequence[str], predictions: Iterable[Prediction]) -> None:
    for one in predictions:
        stream.write(f"{json.dumps(one.record(), ensure_ascii=False)}\n".encode())


def _json(stream: BinaryIO, classes: Sequence[str], predictions: Iterable[Prediction]) -> None:
    between = b"[\n"
    for one in predictions:
        stream.write(between + json.dumps(one.record(), ensure_ascii=False).encode())
        between = b",\n"
    stream.write(b"\n]\n" if between == b",\n" else b"[]\n")


def _parquet(stream: BinaryIO, classes: Sequence[str], predictions: Iterable[Prediction]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    columns: dict[str, Any] = {"path": pa.string(), "label": pa.string(), "reason": pa.string()}
    schema = pa.schema(columns | {f"p_{name}": pa.float32() for name in classes})
    with parquet.ParquetWriter(stream, schema) as writer:
        for part in _parts(predictions):
            table = {"path": [one.path for one in part], "label": [one.label for one in part]}
            table["reason"] = [one.reason or None for one in part]
            said = {f"p_{name}": [one.probabilities.get(name) for one in part] for name in classes}
            writer.write_table(pa.table(table | said, schema=schema))


def _parts(predictions: Iterable[Prediction]) -> Iterator[list[Prediction]]:
    remaining = iter(predictions)
    return iter(lambda: list(itertools.islice(remaining, _ROWS_AT_A_TIME)), [])


FORMATS: dict[str, Write] = {".csv": _csv, ".json": _json, ".jsonl": _json_lines, ".parquet": _parquet}
