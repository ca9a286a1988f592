from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.images.decoding import Decoding
from pipeline.data.sources.downloads import default
from pipeline.data.sources.idx import open_source
from pipeline.data.sources.reading.pixels import PixelSource
from pipeline.errors import SecurityRefusal, SetBroken, SourceMissing
from tests.sets import write_idx, write_idx_set


def opened(folder: Path) -> PixelSource:
    return open_source(folder, Decoding(), default())


def write_pair(folder: Path, images: str, labels: str, count: int = 3) -> None:
    write_idx(folder / images, np.arange(count * 6).reshape(count, 2, 3))
    write_idx(folder / labels, np.arange(count))


@pytest.mark.parametrize(
    ("images", "labels", "splits"),
    [
        ("images-idx3-ubyte.gz", "labels-idx1-ubyte.gz", {None}),
        ("images.idx3-ubyte", "labels.idx1-ubyte", {None}),
        ("images.idx", "labels.idx.gz", {None}),
        ("emnist-letters-train-images-idx3-ubyte", "emnist-letters-train-labels-idx1-ubyte", {"train"}),
        ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz", {None}),  # nothing is given where all is test
    ],
)
def test_pairs_are_known_by_their_names(tmp_path: Path, images: str, labels: str, splits: set[str | None]) -> None:
    write_pair(tmp_path, images, labels)
    (tmp_path / "readme.txt").write_text("read me")
    source = opened(tmp_path)
    assert {sample.split for sample in source.samples()} == splits
    assert source.classes() == ["0", "1", "2"]
    assert source.read(source.samples()[1].path).pixels[..., 0].tolist() == [[6, 7, 8], [9, 10, 11]]
    assert source.kind == "unknown"


def test_train_and_test_are_kept(tmp_path: Path) -> None:
    splits = [sample.split for sample in opened(write_idx_set(tmp_path)).samples()]
    assert splits == ["test"] * 10 + ["train"] * 30


def test_classes_txt_names_the_labels_and_also_those_without_an_image(tmp_path: Path) -> None:
    write_pair(tmp_path, "images-idx3-ubyte", "labels-idx1-ubyte")
    (tmp_path / "classes.txt").write_text("zebra\n\nant\nbee\nwasp\n")
    source = opened(tmp_path)
    assert [sample.label for sample in source.samples()] == ["zebra", "ant", "bee"]
    assert source.classes() == ["ant", "bee", "wasp", "zebra"]


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"images-idx3-ubyte": (3, 2, 2), "labels-idx1-ubyte": (4,)}, "3 images but 4 labels"),
        ({"train-images-idx3-ubyte": (3, 2, 2)}, "train has no labels"),
        ({"other-idx3-ubyte": (3, 2, 2)}, "no images and labels"),
        (
            {"images-idx3-ubyte": (1, 2, 2), "labels-idx1-ubyte": (1,), "train-images-idx3-ubyte": (1, 2, 2)},
            "train has no labels",
        ),
        ({"images-idx3-ubyte": (1, 2, 2), "images-idx3-ubyte.gz": (1, 2, 2), "labels-idx1-ubyte": (1,)}, "hold the same"),
        ({"images-idx3-ubyte": (1, 2), "labels-idx1-ubyte": (1,)}, "in 2 dimensions, not unsigned bytes (8) in 3 or 4"),
        ({"images-idx3-ubyte": (1, 0, 2), "labels-idx1-ubyte": (1,)}, "shape 1×0×2"),
    ],
)
def test_what_does_not_belong_together_is_told(tmp_path: Path, files: dict[str, tuple[int, ...]], why: str) -> None:
    for name, shape in files.items():
        write_idx(tmp_path / name, np.zeros(shape))
    with pytest.raises(SetBroken) as caught:
        opened(tmp_path)
    assert why in caught.value.why


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("change", [-1, 1], ids=["short", "long"])
def test_a_length_other_than_declared_is_told(tmp_path: Path, ending: str, change: int) -> None:
    write_pair(tmp_path, "images-idx3-ubyte", "labels-idx1-ubyte")
    file = tmp_path / "images-idx3-ubyte"
    content = file.read_bytes()[:-1] if change < 0 else file.read_bytes() + b"x"
    file.unlink()
    (tmp_path / f"images-idx3-ubyte{ending}").write_bytes(gzip.compress(content) if ending else content)
    with pytest.raises(SetBroken, match="18 values"):
        opened(tmp_path)


def test_a_packed_file_that_claims_far_too_much_is_refused(tmp_path: Path) -> None:
    write_pair(tmp_path, "images-idx3-ubyte", "labels-idx1-ubyte")
    (tmp_path / "images-idx3-ubyte").unlink()
    header = bytes((0, 0, 8, 3)) + b"\x7f\xff\xff\xff" * 3
    (tmp_path / "images-idx3-ubyte.gz").write_bytes(gzip.compress(header))
    with pytest.raises(SecurityRefusal, match="E901"):
        opened(tmp_path)


def test_no_idx_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(SourceMissing, match="images-idx3-ubyte"):
        opened(tmp_path)


def test_plain_files_are_mapped_and_not_loaded(tmp_path: Path) -> None:
    source = opened(write_idx_set(tmp_path, ending=""))
    assert all(isinstance(part.images, np.memmap) for part in source._parts.values())
