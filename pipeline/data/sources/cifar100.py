"""CIFAR-100 (Krizhevsky 2009): 50,000 + 10,000 photos of 32×32 pixels in a hundred classes, in the binary form.

Size and sha256 as in TensorFlow Datasets, url_checksums/cifar100.txt; classes are the fine labels.
"""

from __future__ import annotations

from pathlib import Path

from pipeline.data.images.decoding import Decoding
from pipeline.data.sources.downloads import Downloads, RemoteFile
from pipeline.data.sources.reading.cifar_set import CifarSet
from pipeline.data.sources.reading.pixels import PixelSource

# fmt: off
CLASSES = (
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle", "bowl", "boy",
    "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle", "chair", "chimpanzee", "clock",
    "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur", "dolphin", "elephant", "flatfish", "forest",
    "fox", "girl", "hamster", "house", "kangaroo", "keyboard", "lamp", "lawn_mower", "leopard", "lion", "lizard", "lobster",
    "man", "maple_tree", "motorcycle", "mountain", "mouse", "mushroom", "oak_tree", "orange", "orchid", "otter",
    "palm_tree", "pear", "pickup_truck", "pine_tree", "plain", "plate", "poppy", "porcupine", "possum", "rabbit", "raccoon",
    "ray", "road", "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk", "skyscraper", "snail", "snake", "spider",
    "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank", "telephone", "television", "tiger", "tractor",
    "train", "trout", "tulip", "turtle", "wardrobe", "whale", "willow_tree", "wolf", "woman", "worm",
)
# fmt: on
FILE = RemoteFile(
    "cifar-100-binary.tar.gz",
    ("https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",),
    168513733,
    "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
)
SET = CifarSet(
    name="cifar100",
    classes=CLASSES,
    file=FILE,
    folder="cifar-100-binary",
    label_bytes=2,
    records=50_000,
    train=("train.bin",),
    test="test.bin",
)


def open_source(path: Path, _decoding: Decoding, downloads: Downloads) -> PixelSource:
    """CIFAR-100, whose files hold pixels."""
    return SET.open(path, downloads)
