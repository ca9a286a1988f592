from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.images.decoding import Decoding
from pipeline.data.sources.arrays import open_source
from pipeline.data.sources.downloads import default
from pipeline.data.sources.reading.pixels import PixelSource
from pipeline.errors import ImageRefused, SecurityRefusal, SetBroken, SourceMissing

Arrays = dict[str, np.ndarray]
GREY = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
LABELS = np.array([1, 0])


def opened(path: Path) -> PixelSource:
    return open_source(path, Decoding(), default())


def as_npz(folder: Path, arrays: Arrays) -> Path:
    np.savez(folder / "set.npz", **arrays)
    return folder / "set.npz"


def as_packed_npz(folder: Path, arrays: Arrays) -> Path:
    np.savez_compressed(folder / "set.npz", **arrays)
    return folder


def as_npy(folder: Path, arrays: Arrays) -> Path:
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return folder


WRITERS: list[Callable[[Path, Arrays], Path]] = [as_npz, as_packed_npz, as_npy]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (("images", "labels"), [None, None]),
        (("x", "y"), [None, None]),
        (("x_train", "y_train", "x_test", "y_test"), ["test", "test", "train", "train"]),
        (("train_images", "train_labels", "val_images", "val_labels"), ["train", "train", "val", "val"]),
        (("test_images", "test_labels"), [None, None]),
    ],
)
def test_pairs_are_known_by_their_names(
    tmp_path: Path, write: Callable[[Path, Arrays], Path], names: tuple[str, ...], splits: list[str | None]
) -> None:
    arrays = {name: LABELS if "label" in name or name.startswith("y") else GREY for name in names}
    source = opened(write(tmp_path, arrays))
    assert [sample.split for sample in source.samples()] == splits
    assert [sample.label for sample in source.samples()[:2]] == ["1", "0"]
    assert np.array_equal(source.read(source.samples()[1].path).pixels[..., 0], GREY[1])


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(
    ("shape", "transposed"),
    [((2, 5, 4, 3), False), ((2, 5, 4, 1), False), ((2, 3, 5, 4), True), ((2, 1, 5, 4), True), ((2, 3, 3), False)],
)
def test_layouts_become_height_width_channels(
    tmp_path: Path, write: Callable[[Path, Arrays], Path], shape: tuple[int, ...], transposed: bool
) -> None:
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    source = opened(write(tmp_path, {"images": np.asfortranarray(images), "labels": LABELS}))
    expected = images[1].transpose(1, 2, 0) if transposed else images[1].reshape(*images[1].shape[:2], -1)
    assert np.array_equal(source.read("all/00001").pixels, expected)


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (np.array([0, 128, 32768, 65535], np.uint16), [0, 0, 128, 255]),
        (np.array([0, 129, 32768, 65535], ">u2"), [0, 1, 128, 255]),
        (np.array([0.0, 0.5, 0.999, 1.0], np.float32), [0, 128, 255, 255]),
        (np.array([0.0, 0.25, 1.0, 1.0], np.float64), [0, 64, 255, 255]),
        (np.array([0.0, 0.25, 1.0, 1.0], np.float16), [0, 64, 255, 255]),
        (np.array([False, True, True, False]), [0, 255, 255, 0]),
    ],
)
def test_deep_values_are_scaled_and_never_clipped(tmp_path: Path, stored: np.ndarray, expected: list[int]) -> None:
    source = opened(as_npz(tmp_path, {"images": stored.reshape(1, 2, 2), "labels": np.array([0])}))
    assert source.read("all/00000").pixels.ravel().tolist() == expected


@pytest.mark.parametrize("value", [255.0, -0.1, np.nan, np.inf])
def test_floats_outside_0_to_1_are_refused(tmp_path: Path, value: float) -> None:
    source = opened(as_npz(tmp_path, {"images": np.array([[[0.5, value]]]), "labels": np.array([0])}))
    with pytest.raises(ImageRefused, match="float-range"):
        source.read("all/00000")


@pytest.mark.parametrize(
    ("labels", "classes", "expected"),
    [
        (np.array([[1], [0]]), None, ["1", "0"]),
        (np.array(["b", "a"]), None, ["b", "a"]),
        (np.array([1, 0], np.int8), "ant\nbee\ncat\n", ["bee", "ant"]),
    ],
)
def test_labels_are_numbers_texts_or_lines_of_classes_txt(
    tmp_path: Path, labels: np.ndarray, classes: str | None, expected: list[str]
) -> None:
    if classes:
        (tmp_path / "classes.txt").write_text(classes)
    source = opened(as_npz(tmp_path, {"images": GREY, "labels": labels}))
    assert [sample.label for sample in source.samples()] == expected
    assert source.classes() == (sorted(classes.split()) if classes else sorted(expected))


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(
    ("arrays", "why"),
    [
        ({"images": GREY, "labels": np.arange(3)}, "2 images but 3 labels"),
        ({"images": GREY}, "all has no labels"),
        ({"x_train": GREY, "y_train": LABELS, "images": GREY, "labels": LABELS}, "with and without a split"),
        ({"x": GREY, "images": GREY, "labels": LABELS}, "both images and x are images"),
        ({"pixels": GREY}, "no images and labels"),
        ({"images": GREY.astype(np.int32), "labels": LABELS}, "values of type int32"),
        ({"images": GREY.astype(complex), "labels": LABELS}, "values of type complex128"),
        ({"images": GREY[0], "labels": LABELS}, "shape 3×4"),
        ({"images": np.zeros((2, 3, 5, 3), np.uint8), "labels": LABELS}, "shape 2×3×5×3"),
        ({"images": np.zeros((2, 5, 5, 4), np.uint8), "labels": LABELS}, "shape 2×5×5×4"),
        ({"images": GREY, "labels": np.eye(2)}, "labels of type float64 and shape 2×2"),
        ({"images": GREY, "labels": np.array([0.0, 1.0])}, "labels of type float64"),
        ({"images": GREY, "labels": np.array(["a", " "])}, "an empty label"),
    ],
)
def test_what_is_not_a_set_of_images_is_told(
    tmp_path: Path, write: Callable[[Path, Arrays], Path], arrays: Arrays, why: str
) -> None:
    with pytest.raises(SetBroken) as caught:
        opened(write(tmp_path, arrays))
    assert why in caught.value.why


class Trap:
    """Touches a file when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.file,))


@pytest.mark.parametrize("write", WRITERS)
def test_nothing_is_ever_unpickled(tmp_path: Path, write: Callable[[Path, Arrays], Path]) -> None:
    canary = tmp_path / "canary"
    objects = np.array([Trap(canary), Trap(canary)], dtype=object)
    with pytest.raises(SetBroken, match="E312"):
        opened(write(tmp_path, {"images": GREY, "labels": objects}))
    assert not canary.exists()


@pytest.mark.parametrize("write", [as_npz, as_npy])
def test_unpacked_arrays_are_mapped_and_not_loaded(tmp_path: Path, write: Callable[[Path, Arrays], Path]) -> None:
    source = opened(write(tmp_path, {"images": GREY, "labels": LABELS}))
    assert isinstance(source._parts["all"].images, np.memmap)


@pytest.mark.parametrize("write", WRITERS)
def test_a_damaged_file_is_named(tmp_path: Path, write: Callable[[Path, Arrays], Path]) -> None:
    write(tmp_path, {"images": np.random.default_rng(0).integers(0, 256, (2, 50, 50), np.uint8), "labels": LABELS})
    file = next(path for path in sorted(tmp_path.iterdir()))
    file.write_bytes(file.read_bytes()[:-500])
    with pytest.raises(SetBroken, match="E312 array file"):
        opened(tmp_path)


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize(
    ("header", "why"),
    [
        ("{'descr': '|u1', 'fortran_order': False, 'shape': (10000000, 1000, 1000)}", "10000000×1000×1000 values that it claims"),
        ("{'descr': '|u1', 'fortran_order': False, 'shape': (-1, 2, 2)}", "claims"),
        ("{'descr': (), 'fortran_order': False, 'shape': (1, 2, 2)}", "tuple index"),
        ("{'descr': (", "EOF"),
        ("(" * 4000, "EOF"),
        ("-" * 9000 + "1", ""),
    ],
    ids=["more than memory", "below zero", "no type", "unfinished", "nested", "deep"],
)
def test_a_hostile_header_is_a_broken_array(tmp_path: Path, packing: int, header: str, why: str) -> None:
    with zipfile.ZipFile(tmp_path / "set.npz", "w", packing) as archive:
        line = f"{header}\n".encode()
        archive.writestr("images.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(line)) + line + bytes(8))
        archive.writestr("labels.npy", b"")
    with pytest.raises(SetBroken) as caught:
        opened(tmp_path)
    assert why in caught.value.why


def test_an_encrypted_array_is_told(tmp_path: Path) -> None:
    content = bytearray((as_packed_npz(tmp_path, {"images": GREY, "labels": LABELS}) / "set.npz").read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1  # general purpose flag, bit 0, in the directory and in the member
    content[content.index(b"PK\x03\x04") + 6] |= 1
    (tmp_path / "set.npz").write_bytes(content)
    with pytest.raises(SetBroken) as caught:
        opened(tmp_path)
    assert "is encrypted" in caught.value.why


def test_an_array_packed_too_tightly_is_refused(tmp_path: Path) -> None:
    as_packed_npz(tmp_path, {"images": np.zeros((100, 500, 500), np.uint8), "labels": np.zeros(100, int)})
    with pytest.raises(SecurityRefusal, match="packed too tightly"):
        opened(tmp_path)


def test_no_arrays_or_several_are_told(tmp_path: Path) -> None:
    for name in ("a", "b"):
        np.savez(tmp_path / f"{name}.npz", images=GREY, labels=LABELS)
    with pytest.raises(SourceMissing, match=r"2 \.npz and no \.npy files"):
        opened(tmp_path)
