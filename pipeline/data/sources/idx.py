"""A folder with idx or idx.gz files: train-images… and train-labels…, t10k-…, or one pair images… and labels…."""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.data.images.decoding import Decoding
from pipeline.data.junk import junk
from pipeline.data.sources.downloads import Downloads
from pipeline.data.sources.reading.idx_file import read_idx
from pipeline.data.sources.reading.names import set_name
from pipeline.data.sources.reading.parts import class_names, given_split, pairs, read_classes
from pipeline.data.sources.reading.pixels import Part, PixelSource
from pipeline.errors import SetBroken, SourceMissing

_ENDING = re.compile(r"[-_.](idx\d[-_.]ubyte|ubyte|idx\d?)(\.idx)?(\.gz)?$", re.IGNORECASE)


def open_source(path: Path, _decoding: Decoding, _downloads: Downloads) -> PixelSource:
    """The pairs in the folder `path`; classes are 0, 1, … or the lines of classes.txt there. Raises SourceMissing, SetBroken."""
    stems = _stems(path)
    if not stems:
        remedy = "let ingest.path hold images-idx3-ubyte.gz and labels-idx1-ubyte.gz"
        raise SourceMissing("the idx files", where=str(path), why="there are none", remedy=remedy)
    found = pairs(stems, str(path))
    declared = read_classes(path)
    labels = {part: read_idx(stems[name], (1,)) for part, (_, name) in found.items()}
    named = class_names(labels, declared, str(path))
    parts = {
        part: Part(read_idx(stems[images], (3, 4)), named[part], given_split(part, found)) for part, (images, _) in found.items()
    }
    classes = declared or [name for names in named.values() for name in set(names)]
    return PixelSource(set_name(path), "unknown", classes, parts, str(path))


def _stems(folder: Path) -> dict[str, Path]:
    """`train-images` → its file, packed or not; raises SetBroken for both."""
    found: dict[str, Path] = {}
    for file in sorted(folder.iterdir()) if folder.is_dir() else []:
        stem = _ENDING.sub("", file.name)
        if stem == file.name or junk(file.name) or not file.is_file():
            continue
        if stem in found:
            why = f"{found[stem].name} and {file.name} hold the same"
            raise SetBroken("set", where=str(folder), why=why, remedy="remove one of them")
        found[stem] = file
    return found
