"""Images that a node fetches from a storage: once, whole, while others train, on a disk that may be too small."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
import pytest

from pipeline import artifacts
from pipeline.cluster import node_cache
from pipeline.cluster.files import Files
from pipeline.cluster.node_cache import UNUSED_SECONDS, NodeCache, StoredShard, stored
from pipeline.cluster.place import opened
from pipeline.data.preparation.shards import Shard, Shards
from pipeline.errors import DiskFull, NotShared
from tests.cluster.servers import S3, Sshd, environment
from tests.disks import small_disk

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 3, 8, 8), dtype=np.uint8)
ROWS = 10  # a file


@pytest.fixture(autouse=True)
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The disk of this node; what this process holds there is let go."""
    monkeypatch.setenv("CONVOY_CACHE", str(tmp_path / "node"))
    yield tmp_path / "node"
    let_go()


@pytest.fixture(params=["folder", *(pytest.param(name, marks=pytest.mark.cluster) for name in ("s3", "ssh"))])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An address that params.yaml may name."""
    if request.param == "folder":
        yield str(tmp_path / "storage")
    elif request.param == "s3":
        with S3(tmp_path) as server, environment(server.credentials()):
            yield f"{server.create('convoy')}/some/folder"
    else:
        with Sshd(tmp_path) as server:
            (tmp_path / "home/.ssh").mkdir(parents=True)
            (tmp_path / "home/.ssh/config").write_text(server.config())
            with environment({"HOME": str(tmp_path / "home")}):
                yield f"ssh://{server.user}@127.0.0.1:{server.port}{tmp_path}/storage"
    opened.cache_clear()


def let_go() -> None:
    """As the end of this process does it."""
    for thread in threading.enumerate():
        if thread.name == "images":
            thread.join(10)
    for handle in node_cache._held.values():
        os.close(handle)
    node_cache._held.clear()


def elsewhere(folder: Path, storage: str, send: bool = True, images: np.ndarray = IMAGES) -> Shards:
    """The images in files that the driver saw and this node does not, sent to the storage."""
    folder.mkdir()
    shards = []
    for start in range(0, len(images), ROWS):
        path = folder / f"images-{start // ROWS:05}.npy"
        np.save(path, images[start : start + ROWS])
        shards.append(Shard(path, images[start : start + ROWS].shape, artifacts.file_digest(path)))
    files = stored(shards, storage)
    if send:
        Files(storage).send({shard.sha256: shard.path for shard in shards})
    for shard in shards:
        shard.path.unlink()
    return Shards([files[shard.path] for shard in shards])


def cache_of(shards: Shards) -> NodeCache:
    shard = shards.pieces[0]
    assert isinstance(shard, StoredShard) and shard.cache is not None
    return shard.cache


def bytes_of(shards: Shards) -> int:
    return sum(size for _, size in cache_of(shards).sizes)


def test_a_node_reads_what_lies_in_the_storage_as_if_it_were_here_and_fetches_it_once(tmp_path: Path, storage: str) -> None:
    shards = elsewhere(tmp_path / "driver", storage)
    order = np.random.default_rng(1).permutation(40)
    assert np.array_equal(shards[order], IMAGES[order])
    for file in opened(f"{storage}/files").names():
        opened(f"{storage}/files").delete(file)
    again = pickle.loads(pickle.dumps(shards))  # what another worker gets
    assert np.array_equal(again[order], IMAGES[order])
    assert cache_of(shards).fetched() == bytes_of(shards)


def test_the_files_of_a_storage_are_sent_once(tmp_path: Path, storage: str) -> None:
    content = tmp_path / "content"
    content.write_bytes(b"x" * 3_000_000)
    digest = artifacts.file_digest(content)
    assert [Files(storage).send({digest: content}) for _ in range(2)] == [3_000_000, 0]
    Files(storage).fetch(digest, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == content.read_bytes()


def test_a_file_that_this_node_sees_is_not_fetched_and_another_one_of_its_name_is_not_taken_for_it(tmp_path: Path) -> None:
    shards = elsewhere(tmp_path / "driver", str(tmp_path / "storage"))
    first, second = (shard for shard in shards.pieces[:2] if isinstance(shard, StoredShard))
    np.save(first.path, IMAGES[:ROWS])
    os.utime(first.path, (0, first.stamp[1]))
    np.save(second.path, IMAGES[:ROWS])
    os.utime(second.path, (0, 0))  # an older one
    assert first.local() == first.path and second.local().is_relative_to(tmp_path / "node")
    assert np.array_equal(shards[:], IMAGES)


def read(shards: Shards, seed: int, all_have: Barrier) -> None:
    order = np.random.default_rng(seed).permutation(40)
    assert np.array_equal(shards[order], IMAGES[order])
    all_have.wait(30)


def test_many_workers_that_begin_together_fetch_each_file_once(tmp_path: Path) -> None:
    shards = elsewhere(tmp_path / "driver", str(tmp_path / "storage"))
    forks = multiprocessing.get_context("fork")
    all_have = forks.Barrier(8)
    workers = [forks.Process(target=read, args=(shards, seed, all_have)) for seed in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert [worker.exitcode for worker in workers] == [0] * 8
    assert cache_of(shards).fetched() == bytes_of(shards)
    assert len(list(cache_of(shards).folder.glob("*.npy"))) == 4


def test_who_needs_a_file_that_is_there_does_not_wait_for_the_others(tmp_path: Path) -> None:
    shards = elsewhere(tmp_path / "driver", str(tmp_path / "storage"))
    held = tmp_path / "held"
    last = shards.pieces[-1]
    assert isinstance(last, StoredShard)
    lies = tmp_path / "storage/files" / last.sha256
    lies.rename(held)
    os.mkfifo(lies)  # whose reader waits for a writer
    assert np.array_equal(shards[: 3 * ROWS], IMAGES[: 3 * ROWS])
    assert len(list(cache_of(shards).folder.glob("*.npy"))) == 3
    with lies.open("wb"):
        held.rename(lies)
    assert np.array_equal(shards[:], IMAGES)  # what came of the first attempt was not whole


def test_the_others_are_fetched_meanwhile(tmp_path: Path) -> None:
    shards = elsewhere(tmp_path / "driver", str(tmp_path / "storage"))
    assert np.array_equal(shards[:1], IMAGES[:1])
    deadline = time.monotonic() + 10
    while len(list(cache_of(shards).folder.glob("*.npy"))) < 4:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert cache_of(shards).room()[0] == 0


def test_what_was_broken_on_its_way_or_in_the_storage_is_never_read(tmp_path: Path) -> None:
    shards = elsewhere(tmp_path / "driver", str(tmp_path / "storage"))
    for number, file in enumerate(sorted((tmp_path / "storage/files").iterdir())):
        file.write_bytes(file.read_bytes()[:-1] + b"?") if number else file.unlink()
    for piece in shards.pieces:
        assert isinstance(piece, StoredShard)
        with pytest.raises(NotShared, match=r"has it no more|sha256 is not"):
            piece.local()
    assert list(cache_of(shards).folder.glob("*.npy")) == []
    assert cache_of(shards).fetched() == 0


def test_what_a_killed_worker_left_is_removed(tmp_path: Path) -> None:
    shards = elsewhere(tmp_path / "driver", str(tmp_path / "storage"))
    folder, digest = cache_of(shards).folder, cache_of(shards).sizes[0][0]
    folder.mkdir(parents=True)
    (folder / f".{digest}.npy"[:41]).with_suffix(".half").write_bytes(b"x")
    assert np.array_equal(shards[:], IMAGES)
    assert not list(folder.glob(".*.half"))


def test_a_search_counts_what_was_fetched_for_it(tmp_path: Path) -> None:
    shards = elsewhere(tmp_path / "driver", str(tmp_path / "storage"))
    assert np.array_equal(shards[:], IMAGES)
    later = replace(cache_of(shards), search="later")
    assert (later.folder, later.fetched(), later.room()[0]) == (cache_of(shards).folder, 0, 0)


def test_on_a_small_disk_images_go_that_nobody_reads_and_else_the_remedy_is_said(tmp_path: Path, node: Path) -> None:
    storage = str(tmp_path / "storage")
    noise = np.random.default_rng(2).integers(0, 256, (80, 3, 256, 256), dtype=np.uint8)
    small, large, other = noise[:20], noise[20:60], noise[60:]  # 3.75, 7.5 and 3.75 MiB
    with small_disk(node, 8):
        before = elsewhere(tmp_path / "before", storage, images=small)
        assert before[:1].shape == (1, 3, 256, 256) and before[-1:].shape
        too_large = elsewhere(tmp_path / "large", storage, images=large)
        wanted, room = cache_of(too_large).room()
        assert wanted > room
        with pytest.raises(DiskFull, match="CONVOY_CACHE on a larger disk"):
            too_large[:]
        assert np.array_equal(before[:], small)  # in use
        unused = cache_of(before).folder
        let_go()
        del before, too_large  # and with them what is mapped, which takes up room although it was removed
        fits = elsewhere(tmp_path / "fits", storage, images=other)
        wanted, room = cache_of(fits).room()
        assert wanted < room
        assert np.array_equal(fits[:], other)
        assert not unused.exists()


def test_images_that_nobody_used_for_long_go_when_others_come(tmp_path: Path) -> None:
    storage = str(tmp_path / "storage")
    old, recent, new = (elsewhere(tmp_path / str(number), storage, images=IMAGES + number) for number in range(3))
    for shards, age in ((old, UNUSED_SECONDS + 60), (recent, UNUSED_SECONDS - 60)):
        shards[:]
        let_go()
        os.utime(cache_of(shards).folder / "lock", (time.time() - age,) * 2)
    new[:]
    assert [cache_of(shards).folder.exists() for shards in (old, recent, new)] == [False, True, True]
