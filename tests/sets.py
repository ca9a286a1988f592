"""Tiny sets of images in the formats that the sources read, the same at every call."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from tests.folders import picture


def png(name: str, channels: int = 3) -> bytes:
    """The picture `name` as a PNG file."""
    stream = io.BytesIO()
    pixels = picture(name, channels=channels)
    Image.fromarray(pixels[..., 0] if channels == 1 else pixels).save(stream, "PNG")
    return stream.getvalue()


def write_idx(path: Path, array: np.ndarray) -> Path:
    """An idx file of unsigned bytes, packed when `path` ends with .gz."""
    content = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.astype(np.uint8).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    return path


def write_idx_set(folder: Path, train: int = 30, test: int = 10, ending: str = ".gz") -> Path:
    """The four files of MNIST and its like, with labels 0 to 9 in turn."""
    rng = np.random.default_rng(0)
    for prefix, count in (("train", train), ("t10k", test)):
        write_idx(folder / f"{prefix}-images-idx3-ubyte{ending}", rng.integers(0, 256, (count, 28, 28)))
        write_idx(folder / f"{prefix}-labels-idx1-ubyte{ending}", np.arange(count) % 10)
    return folder


def cifar_records(count: int, label_bytes: int) -> bytes:
    """Records of CIFAR's binary form; the last label byte counts 0 to 9, any before it is 19."""
    rng = np.random.default_rng(count)
    records = rng.integers(0, 256, (count, label_bytes + 3072), dtype=np.uint8)
    records[:, : label_bytes - 1] = 19
    records[:, label_bytes - 1] = np.arange(count) % 10
    return records.tobytes()


def write_zip(path: Path, members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    """A zip archive of files; names that end with / are folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def write_tar(path: Path, members: Mapping[str, bytes | tarfile.TarInfo]) -> Path:
    """A tar archive, compressed as its name says: files with their content, or members as they are given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = {".gz": "w:gz", ".tgz": "w:gz", ".bz2": "w:bz2", ".xz": "w:xz"}.get(path.suffix, "w")
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                content.name = name
                archive.addfile(content)
            else:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return path
