"""Images as NumPy arrays: images.npy and labels.npy in a folder (or train_images.npy, …), or one .npz with such arrays."""

from __future__ import annotations

from pathlib import Path

from pipeline.data.images.decoding import Decoding
from pipeline.data.junk import junk
from pipeline.data.sources.downloads import Downloads
from pipeline.data.sources.reading.array_file import Npz, map_npy
from pipeline.data.sources.reading.names import set_name
from pipeline.data.sources.reading.parts import class_names, given_split, pairs, read_classes
from pipeline.data.sources.reading.pixels import Part, PixelSource
from pipeline.errors import SourceMissing


def open_source(path: Path, _decoding: Decoding, _downloads: Downloads) -> PixelSource:
    """The arrays in the .npz file or folder `path`; classes are the labels or the lines of classes.txt beside them.

    Raises SourceMissing, SetBroken, SecurityRefusal.
    """
    file, members = _found(path)
    arrays = Npz(file) if file is not None else None
    found = pairs(arrays.names() if arrays else members, str(path))
    read = {name: arrays.read(name) if arrays else map_npy(members[name]) for pair in found.values() for name in pair}
    declared = read_classes(path if path.is_dir() else path.parent)
    named = class_names({part: read[labels] for part, (_, labels) in found.items()}, declared, str(path))
    parts = {part: Part(read[images], named[part], given_split(part, found)) for part, (images, _) in found.items()}
    classes = declared or [name for names in named.values() for name in set(names)]
    return PixelSource(set_name(file or path), "unknown", classes, parts, str(path))


def _found(path: Path) -> tuple[Path | None, dict[str, Path]]:
    """The .npz file, or name → .npy file; raises SourceMissing when there is neither, or there are several .npz."""
    if path.is_file() and path.suffix.lower() == ".npz":
        return path, {}
    files = sorted(file for file in path.iterdir() if file.is_file() and not junk(file.name)) if path.is_dir() else []
    members = {file.stem: file for file in files if file.suffix.lower() == ".npy"}
    packed = [file for file in files if file.suffix.lower() == ".npz"]
    if members:
        return None, members
    if len(packed) == 1:
        return packed[0], {}
    remedy = "let ingest.path be a .npz file or hold images.npy and labels.npy"
    raise SourceMissing("the arrays", where=str(path), why=f"{len(packed)} .npz and no .npy files", remedy=remedy)
