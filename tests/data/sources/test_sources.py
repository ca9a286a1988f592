from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.sources import fashion_mnist, names, open_source
from pipeline.data.sources.fashion_mnist import FashionMnist
from pipeline.errors import ImageRefused, SourceMissing, UnknownName


def write_idx(path: Path, array: np.ndarray) -> None:
    header = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(gzip.compress(header + array.tobytes(), mtime=0))


@pytest.fixture
def idx_folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for prefix, count in (("train", 30), ("t10k", 10)):
        write_idx(tmp_path / f"{prefix}-images-idx3-ubyte.gz", rng.integers(0, 256, (count, 28, 28), dtype=np.uint8))
        write_idx(tmp_path / f"{prefix}-labels-idx1-ubyte.gz", (np.arange(count) % 10).astype(np.uint8))
    return tmp_path


def test_every_module_is_a_source_but_what_is_named() -> None:
    assert names() == ["digits", "fashion-mnist", "folder"]


def test_an_unknown_source_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownName, match="did you mean digits"):
        open_source("digit", "nowhere")


def test_digits_are_the_1797_of_scikit_learn_spread_over_all_levels() -> None:
    source = open_source("digits", "nowhere")
    samples = source.samples()
    assert len(samples) == 1797
    assert (samples[0].path, samples[0].label, samples[0].split) == ("digits/0000", "0", None)
    assert source.classes() == [str(digit) for digit in range(10)]
    pixels = source.read("digits/0000").pixels
    assert pixels.shape == (8, 8, 1)
    assert pixels.dtype == np.uint8
    assert {int(pixels.min()), int(pixels.max())} <= {0, 239, 255}


def test_fashion_mnist_keeps_the_given_split(idx_folder: Path) -> None:
    source = open_source("fashion-mnist", str(idx_folder))
    samples = source.samples()
    assert [sum(sample.split == name for sample in samples) for name in ("train", "test", "val")] == [30, 10, 0]
    assert samples[0].path == "test/00000"
    assert source.read("train/00029").pixels.shape == (28, 28, 1)
    assert source.classes() == sorted({sample.label for sample in samples})


def test_missing_idx_files_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fashion_mnist, "DEBIAN", tmp_path / "debian")
    with pytest.raises(SourceMissing) as caught:
        FashionMnist(tmp_path / "raw")
    assert caught.value.why == f"no t10k-images-idx3-ubyte.gz in {tmp_path / 'raw'} nor {tmp_path / 'debian'}"


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"])
@pytest.mark.parametrize("damage", ["truncated", "not-gzip", "not-idx", "other-shape"])
def test_damaged_idx_files_are_named(idx_folder: Path, name: str, damage: str) -> None:
    path = idx_folder / name
    content = path.read_bytes()
    if damage == "other-shape":
        write_idx(path, np.zeros((7, 28, 28) if "images" in name else (7,), np.uint8))
    else:
        path.write_bytes({"truncated": content[:-20], "not-gzip": b"hello", "not-idx": gzip.compress(b"abcdefgh")}[damage])
    with pytest.raises(ImageRefused, match="E307 broken at"):
        FashionMnist(idx_folder)
