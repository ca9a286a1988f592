"""A CSV or Parquet file that lists images: columns path and label, optionally split and group."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import pandas as pd

from pipeline.data.images.decode import DecodedImage, decode
from pipeline.data.images.decoding import Decoding
from pipeline.data.images.refusal import refused
from pipeline.data.sources.downloads import Downloads
from pipeline.data.sources.reading import files
from pipeline.data.sources.reading.class_folders import SPLIT_NAMES
from pipeline.data.sources.reading.names import set_name, shown, stored, twins
from pipeline.data.sources.source import Kind, Sample
from pipeline.errors import ManifestBroken, SourceMissing, raise_all

NAMES = ("manifest.csv", "manifest.parquet")  # looked for when ingest.path is a folder
_COLUMNS = ("path", "label", "split", "group")
_SHOWN = 5  # rows named in a message


class Manifest:
    """Paths are relative to the file's folder. Other columns are passed over; every word is taken as it stands, `NA` too."""

    kind: Kind = "unknown"

    def __init__(self, path: Path, decoding: Decoding | None = None) -> None:
        """Raises SourceMissing without a file, and everything wrong with its rows as ManifestBroken or TwinNames."""
        self._file = _found(path)
        self._root, self._decoding = self._file.parent.resolve(), decoding or Decoding()
        self._table = _checked(_read(self._file), self._file)

    @property
    def name(self) -> str:
        """The name of the file, or of its folder when the file is just called manifest."""
        return set_name(self._root if self._file.name in NAMES else self._file)

    def classes(self) -> list[str]:
        """The labels."""
        return sorted(self._table["label"].unique().tolist())

    def samples(self) -> list[Sample]:
        """Every row, sorted by path."""
        return list(self._samples)

    def read(self, path: str) -> DecodedImage:
        """Decode one file; beside the decoder's reasons: outside, and those of the source `folder`."""
        name = stored(path)
        if name.startswith(("/", "../")) or name == "..":
            raise refused("outside", "the path leads out of the manifest's folder", "move the manifest above its images")
        return decode(files.read_inside(self._root, name, self._decoding), self._decoding)

    def stamp(self, path: str) -> str | None:
        """Size, inode and times of the file; None when it cannot be asked for them."""
        return files.file_stamp(self._root, path)

    def ignored(self) -> dict[str, int]:
        """Nothing is passed over."""
        return {}

    @cached_property
    def _samples(self) -> list[Sample]:
        rows = self._table.sort_values("path").itertuples(index=False)
        return [
            Sample(path, label, SPLIT_NAMES[split.lower()] if split else None, group or None)
            for path, label, split, group in rows
        ]


def open_source(path: Path, decoding: Decoding, _downloads: Downloads) -> Manifest:
    """The manifest `path`, or the one in the folder `path`."""
    return Manifest(path, decoding)


def _found(path: Path) -> Path:
    candidates = [path / name for name in NAMES] if path.is_dir() else [path]
    found = [file for file in candidates if file.is_file()]
    if not found:
        why = f"no {' or '.join(file.name for file in candidates)}"
        raise SourceMissing("the manifest", where=str(path), why=why, remedy="set ingest.path to a .csv or .parquet file")
    return found[0]


def _read(file: Path) -> pd.DataFrame:
    """Columns path, label, split and group as text, empty where nothing stands; raises ManifestBroken."""
    readers: dict[str, tuple[Callable[[Path], pd.DataFrame], str]] = {
        ".csv": (_read_csv, "save it again, as UTF-8 with commas"),
        ".parquet": (_read_parquet, "write it again, each column as text"),
    }
    if file.suffix.lower() not in readers:
        raise _broken(file, f"files ending in {file.suffix or 'nothing'} are not read", f"save it as {' or '.join(readers)}")
    reader, remedy = readers[file.suffix.lower()]
    try:
        table = reader(file)
    except (OSError, ValueError, NotImplementedError) as error:  # what the parsers of pandas and pyarrow raise comes from these
        raise _broken(file, str(error), remedy) from None
    missing = [name for name in ("path", "label") if name not in table]
    if missing:
        has = ", ".join(shown(str(name)) for name in table.columns)
        raise _broken(
            file, f"no column {' and '.join(missing)}; there are {has}", "name the columns path and label, split by commas"
        )
    return table.reindex(columns=list(_COLUMNS), fill_value="")


def _read_csv(file: Path) -> pd.DataFrame:
    table = pd.read_csv(file, dtype=str, keep_default_na=False, na_filter=False, encoding="utf-8-sig")
    if not isinstance(table.index, pd.RangeIndex):  # pandas takes what is too much for an index, and moves the names along
        raise ValueError("the rows have more fields than the first line has names")
    return table


def _read_parquet(file: Path) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.parquet as pq

    there = [name for name in pq.read_schema(file).names if name in _COLUMNS]
    if "path" not in there or "label" not in there:
        return pd.DataFrame(columns=pq.read_schema(file).names)
    table = pq.read_table(file, columns=there)
    texts = {name: table[name].cast(pa.string()).fill_null("").to_pylist() for name in there}
    return pd.DataFrame(texts, dtype=str)


def _checked(table: pd.DataFrame, file: Path) -> pd.DataFrame:
    """The table with normal paths, names shown; raises all that is wrong with its rows."""
    paths = table["path"].map(lambda path: shown(os.path.normpath(path)) if path else "")
    table = table.assign(path=paths, label=table["label"].map(shown))
    unknown = ~table["split"].str.lower().isin(["", *SPLIT_NAMES])
    some = (table["split"] == "") & bool((table["split"] != "").any())
    findings = [
        _rows(file, table["path"] == "", "without a path", "fill them in"),
        _rows(file, table["label"].str.strip() == "", "without a label", "fill them in or remove the rows"),
        _rows(
            file, table["path"].duplicated(keep=False) & (table["path"] != ""), "that list a file twice", "keep one row a file"
        ),
        _rows(file, unknown, "with another split than train, val or test", f"write one of {', '.join(SPLIT_NAMES)}"),
        _rows(file, some, "without a split where others have one", "fill them in, or empty the column"),
    ]
    raise_all([*(finding for finding in findings if finding), *twins(table["path"])])
    return table


def _rows(file: Path, wrong: pd.Series[bool], what: str, remedy: str) -> ManifestBroken | None:
    """The error for the rows that are `wrong`, by line number (the header is line 1), or None."""
    lines = (wrong.to_numpy().nonzero()[0] + 2).tolist()
    if not lines:
        return None
    first = ", ".join(map(str, lines[:_SHOWN])) + (", …" if len(lines) > _SHOWN else "")
    return _broken(file, f"{len(lines)} rows {what}: {first}", remedy)


def _broken(file: Path, why: str, remedy: str) -> ManifestBroken:
    return ManifestBroken("manifest", where=str(file), why=why, remedy=remedy)
