"""CIFAR-10 (Krizhevsky 2009): 50,000 + 10,000 photos of 32×32 pixels in ten classes, in the binary form.

Size and sha256 as in TensorFlow Datasets, url_checksums/cifar10.txt.
"""

from __future__ import annotations

from pathlib import Path

from pipeline.data.images.decoding import Decoding
from pipeline.data.sources.downloads import Downloads, RemoteFile
from pipeline.data.sources.reading.cifar_set import CifarSet
from pipeline.data.sources.reading.pixels import PixelSource

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FILE = RemoteFile(
    "cifar-10-binary.tar.gz",
    ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",),
    170052171,
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
)
SET = CifarSet(
    name="cifar10",
    classes=CLASSES,
    file=FILE,
    folder="cifar-10-batches-bin",
    label_bytes=1,
    records=10_000,
    train=tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
    test="test_batch.bin",
)


def open_source(path: Path, _decoding: Decoding, downloads: Downloads) -> PixelSource:
    """CIFAR-10, whose files hold pixels."""
    return SET.open(path, downloads)
