"""Fashion-MNIST (Xiao, Rasul, Vollgraf 2017): 60,000 + 10,000 pieces of clothing of 28×28 grey pixels.

Sizes and sha256 as in TensorFlow Datasets, url_checksums/fashion_mnist.txt; Debian packs the same values in files of its own.
"""

from __future__ import annotations

from pathlib import Path

from pipeline.data.images.decoding import Decoding
from pipeline.data.sources.downloads import Downloads
from pipeline.data.sources.reading.idx_set import IdxSet, idx_files
from pipeline.data.sources.reading.pixels import PixelSource

DEBIAN = "/usr/share/datasets/fashion-mnist"  # where the package dataset-fashion-mnist puts the files
CLASSES = ("T-shirt-top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
URLS = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
)
FILES = {
    "train-images-idx3-ubyte.gz": (26421880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
    "train-labels-idx1-ubyte.gz": (29515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
    "t10k-images-idx3-ubyte.gz": (4422102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
    "t10k-labels-idx1-ubyte.gz": (5148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
}
SET = IdxSet("fashion-mnist", "photos", CLASSES, idx_files(URLS, FILES), ("fashion-mnist", "FashionMNIST/raw", DEBIAN))


def open_source(path: Path, _decoding: Decoding, downloads: Downloads) -> PixelSource:
    """Fashion-MNIST, whose files hold pixels."""
    return SET.open(path, downloads)
