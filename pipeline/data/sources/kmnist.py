"""Kuzushiji-MNIST (Clanuwat and others 2018): 60,000 + 10,000 hiragana of old Japanese books, 28×28 grey pixels.

Sizes and sha256 as in TensorFlow Datasets, url_checksums/kmnist.txt; classes in the order of the set's kmnist_classmap.csv.
"""

from __future__ import annotations

from pathlib import Path

from pipeline.data.images.decoding import Decoding
from pipeline.data.sources.downloads import Downloads
from pipeline.data.sources.reading.idx_set import IdxSet, idx_files
from pipeline.data.sources.reading.pixels import PixelSource

CLASSES = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")  # お き す つ な は ま や れ を
URLS = ("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",)
FILES = {
    "train-images-idx3-ubyte.gz": (18165135, "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4"),
    "train-labels-idx1-ubyte.gz": (29497, "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17"),
    "t10k-images-idx3-ubyte.gz": (3041136, "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5"),
    "t10k-labels-idx1-ubyte.gz": (5120, "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c"),
}
SET = IdxSet("kmnist", "glyphs", CLASSES, idx_files(URLS, FILES), ("kmnist", "KMNIST/raw"))


def open_source(path: Path, _decoding: Decoding, downloads: Downloads) -> PixelSource:
    """Kuzushiji-MNIST, whose files hold pixels."""
    return SET.open(path, downloads)
