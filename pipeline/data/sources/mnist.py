"""MNIST (LeCun, Cortes, Burges 1998): 60,000 + 10,000 handwritten digits of 28×28 grey pixels.

Sizes and sha256 as in TensorFlow Datasets, url_checksums/mnist.txt; yann.lecun.com no longer gives the files away.
"""

from __future__ import annotations

from pathlib import Path

from pipeline.data.images.decoding import Decoding
from pipeline.data.sources.downloads import Downloads
from pipeline.data.sources.reading.idx_set import IdxSet, idx_files
from pipeline.data.sources.reading.pixels import PixelSource

URLS = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/")
FILES = {
    "train-images-idx3-ubyte.gz": (9912422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
    "train-labels-idx1-ubyte.gz": (28881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
    "t10k-images-idx3-ubyte.gz": (1648877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
    "t10k-labels-idx1-ubyte.gz": (4542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
}
SET = IdxSet("mnist", "glyphs", tuple("0123456789"), idx_files(URLS, FILES), ("mnist", "MNIST/raw"))


def open_source(path: Path, _decoding: Decoding, downloads: Downloads) -> PixelSource:
    """MNIST, whose files hold pixels."""
    return SET.open(path, downloads)
