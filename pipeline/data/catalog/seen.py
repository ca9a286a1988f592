"""What earlier runs of ingest found out about each file, so that a file that did not change is not read again."""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.data.catalog.look import Look
from pipeline.data.duplicates.fingerprint import THUMBNAIL
from pipeline.data.images.decoding import Decoding

Facts = tuple[Any, ...]  # the fields of a Look but for its last, the thumbnail

_FACTS = {name: pa.int64() if kind is int else pa.string() for name, kind in get_type_hints(Look).items() if name != "thumbnail"}
_THUMBNAIL_BYTES = THUMBNAIL * THUMBNAIL * 3
_DATA = Path(__file__).parents[1]
_READING = ("images", "sources", "duplicates/fingerprint.py", "catalog/look.py", "catalog/seen.py")  # the code, below _DATA
_LIBRARIES = ("numpy", "pillow", "pyarrow", "simplejpeg")


class Looks:
    """A row for each path: its stamp, and once it was looked at its facts and its thumbnail, or the reason why it has none.

    thumbnails: uint8 rows × THUMBNAIL × THUMBNAIL × 3; black where there is none.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self.paths = list(paths)
        self.stamps: list[str | None] = [None] * len(paths)
        self.found: list[Facts | str | None] = [None] * len(paths)
        self.thumbnails: npt.NDArray[np.uint8] = np.zeros((len(paths), THUMBNAIL, THUMBNAIL, 3), np.uint8)

    def put(self, row: int, stamp: str | None, look: Look | str) -> None:
        """Keep what was found; without a stamp for this run alone."""
        self.stamps[row] = stamp
        if isinstance(look, str):
            self.found[row] = look
            return
        self.found[row] = tuple(look[:-1])
        self.thumbnails[row] = np.frombuffer(look.thumbnail, np.uint8).reshape(THUMBNAIL, THUMBNAIL, 3)

    def recall(self, earlier: Looks | None, stamp: Callable[[str], str | None]) -> list[int]:
        """Take over what is known of the paths whose stamp is still the same; the rows that are to be looked at."""
        if earlier is not None:
            known = {path: row for row, path in enumerate(earlier.paths)}
            for row, path in enumerate(self.paths):
                before = known.get(path)
                if before is not None and stamp(path) == earlier.stamps[before]:
                    self.stamps[row], self.found[row] = earlier.stamps[before], earlier.found[before]
                    self.thumbnails[row] = earlier.thumbnails[before]
        return [row for row, found in enumerate(self.found) if found is None]


def file_name(source: str, path: str) -> str:
    """Where the looks at the files of a source are kept: one file for each source and absolute path."""
    return hashlib.sha256(f"{Path(path).resolve()}\0{source}".encode(errors="surrogateescape")).hexdigest()[:32] + ".parquet"


def version(decoding: Decoding) -> str:
    """Changes with everything but the files that a look depends on: the choices in decoding, the code, the libraries."""
    digest = hashlib.sha256(decoding.model_dump_json().encode())
    for file in sorted(_code()):
        digest.update(f"\0{file.relative_to(_DATA)}\0".encode() + file.read_bytes())
    digest.update(repr([(name, importlib.metadata.version(name)) for name in _LIBRARIES]).encode())
    return digest.hexdigest()


def to_bytes(looks: Looks, version: str) -> bytes:
    """Everything found about paths that have a stamp, as Parquet."""
    rows = [row for row, found in enumerate(looks.found) if found is not None and looks.stamps[row] is not None]
    facts = [looks.found[row] for row in rows]
    nothing: Facts = (None,) * len(_FACTS)
    columns = zip(*(nothing if isinstance(each, str) else each for each in facts), strict=True) if rows else [()] * len(_FACTS)
    thumbnails = pa.py_buffer(looks.thumbnails if len(rows) == len(looks.paths) else looks.thumbnails[rows])
    table = {
        "path": pa.array([looks.paths[row] for row in rows], pa.string()),
        "stamp": pa.array([looks.stamps[row] for row in rows], pa.string()),
        "reason": pa.array([each if isinstance(each, str) else None for each in facts], pa.string()),
        **{name: pa.array(column, kind) for (name, kind), column in zip(_FACTS.items(), columns, strict=True)},
        "thumbnail": pa.FixedSizeBinaryArray.from_buffers(pa.binary(_THUMBNAIL_BYTES), len(rows), [None, thumbnails]),
    }
    stream = io.BytesIO()
    pq.write_table(
        pa.table(table).replace_schema_metadata({"version": version}), stream, compression="none", use_dictionary=False
    )
    return stream.getvalue()


def from_bytes(content: bytes, version: str) -> Looks | None:
    """What to_bytes wrote, or None when it was found with other code, other libraries or other choices in decoding."""
    table = pq.read_table(io.BytesIO(content))
    if (table.schema.metadata or {}).get(b"version") != version.encode():
        return None
    looks = Looks(table["path"].to_pylist())
    looks.stamps = table["stamp"].to_pylist()
    rows: Iterable[Facts] = zip(*(table[name].to_pylist() for name in _FACTS), strict=True)
    looks.found = [reason or facts for reason, facts in zip(table["reason"].to_pylist(), rows, strict=True)]
    if looks.paths:
        pixels = b"".join(
            chunk.buffers()[1][chunk.offset * _THUMBNAIL_BYTES :][: len(chunk) * _THUMBNAIL_BYTES]
            for chunk in table["thumbnail"].chunks
        )
        looks.thumbnails = np.frombuffer(pixels, np.uint8).reshape(-1, THUMBNAIL, THUMBNAIL, 3)
    return looks


def _code() -> list[Path]:
    named = [_DATA / name for name in _READING]
    return [file for path in named for file in (path.rglob("*.py") if path.is_dir() else [path])]
