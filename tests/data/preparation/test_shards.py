from __future__ import annotations

import pickle
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.preparation.packed import Packed, digest, to_files
from pipeline.data.preparation.shards import Shard, Shards
from tests.repository import REPOSITORY

IMAGES = np.random.default_rng(0).integers(0, 256, (23, 3, 4, 4), dtype=np.uint8)
MEBIBYTE = 2**20


@pytest.fixture
def shards(tmp_path: Path) -> Shards:
    """23 images in three files and, in the middle, in memory."""
    pieces: list[Shard | np.ndarray] = []
    for number, (start, end) in enumerate([(0, 10), (10, 11), (11, 18), (18, 23)]):
        path = tmp_path / f"{number}.npy"
        np.save(path, IMAGES[start:end])
        pieces.append(Shard(path, (end - start, 3, 4, 4)) if number != 2 else IMAGES[start:end])
    return Shards(pieces)


@pytest.mark.parametrize(
    "rows", [slice(None), slice(9, 12), slice(5, 5), slice(20, 99), np.array([22, 0, 10, 11, 11, 9]), np.arange(23)[::-1]]
)
def test_any_rows_in_any_order_are_those_of_one_array(shards: Shards, rows: slice | np.ndarray) -> None:
    assert (shards.shape, len(shards)) == (IMAGES.shape, 23)
    assert np.array_equal(shards[rows], IMAGES[rows])


def test_some_rows_are_as_an_array_of_their_own_and_copy_none(shards: Shards) -> None:
    some = shards.only(np.array([20, 3, 11, 10, 0]))
    again = some.only(np.array([4, 1]))
    assert (some.shape, len(again), some.nbytes) == ((5, 3, 4, 4), 2, shards.nbytes)
    assert np.array_equal(some[:], IMAGES[[20, 3, 11, 10, 0]]) and np.array_equal(some[np.array([2, 2])], IMAGES[[11, 11]])
    assert np.array_equal(again[:], IMAGES[[0, 3]])
    assert np.array_equal(pickle.loads(pickle.dumps(some))[1:3], IMAGES[[3, 11]])
    with pytest.raises(AssertionError, match="some rows"):
        assert some.whole


def test_whoever_wants_to_know_hears_of_each_file_that_was_opened(shards: Shards) -> None:
    opened: list[int] = []
    telling = shards.telling(lambda: opened.append(len(opened)))
    for _ in range(2):
        assert np.array_equal(telling[:12], IMAGES[:12])
    assert opened == [0, 1]
    assert np.array_equal(pickle.loads(pickle.dumps(telling))[:], IMAGES) and opened == [0, 1]


def test_every_row_in_a_random_order(shards: Shards) -> None:
    order = np.random.default_rng(1).permutation(23)
    assert np.array_equal(shards[order], IMAGES[order])


def test_more_files_than_a_process_may_open(tmp_path: Path) -> None:
    limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    pieces = [Shard(tmp_path / f"{row}.npy", (1, 1, 1, 1)) for row in range(300)]
    for row, piece in enumerate(pieces):
        np.save(piece.path, np.full(piece.shape, row % 256, np.uint8))
    resource.setrlimit(resource.RLIMIT_NOFILE, (280, most))
    try:
        found = Shards(pieces)[np.arange(300)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, most))
    assert np.array_equal(found.ravel(), np.arange(300) % 256)


def test_only_what_is_in_memory_counts_as_memory(shards: Shards) -> None:
    assert shards.nbytes == 7 * 48


def test_another_process_gets_paths_and_no_pixels(tmp_path: Path) -> None:
    np.save(tmp_path / "large.npy", np.full((1000, 3, 16, 16), 7, np.uint8))
    shards = Shards([Shard(tmp_path / "large.npy", (1000, 3, 16, 16))])
    assert shards[:2].max() == 7
    content = pickle.dumps(shards)
    assert len(content) < 1000
    assert np.array_equal(pickle.loads(content)[np.array([999])], shards[np.array([999])])


STREAM = """
import sys
from pathlib import Path
import numpy as np
import psutil
import torch
from pipeline.data.preparation.packed import read
from pipeline.training.tensors import tensors

torch.set_num_threads(1)
private = lambda: int(next(line for line in open("/proc/self/status") if line.startswith("RssAnon")).split()[1]) * 1024
for memory in (10 * 2**20, 1e9):
    before = private()
    packed = read(Path(sys.argv[1]), sys.argv[2], memory)
    images, labels = tensors(packed, torch.device("cpu"))
    total, most = 0, private()
    for rows in torch.randperm(len(labels)).split(64):
        total += int(images[rows].sum(dtype=torch.int64))
        most = max(most, private())
    print(total, most - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="private memory is read from /proc")
def test_a_set_larger_than_its_limit_is_verified_and_read_in_bounded_memory(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (640, 3, 160, 160), dtype=np.uint8)  # 47 MiB
    labels = np.zeros(640, np.int64)
    parts = [Packed(images[start : start + 64], labels[start : start + 64], ["x"] * 64) for start in range(0, 640, 64)]
    files = dict(to_files(parts))
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)

    command = [sys.executable, "-c", STREAM, str(tmp_path), digest(files)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    (streamed, bounded), (loaded, whole) = [map(int, line.split()) for line in done.stdout.splitlines()]

    assert streamed == loaded == int(images.sum(dtype=np.int64))
    assert bounded < 24 * MEBIBYTE  # a batch is 4.7 MiB, twice; the rest is what torch allocates at its first use
    assert whole > 40 * MEBIBYTE
