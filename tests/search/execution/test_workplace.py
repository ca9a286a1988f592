from __future__ import annotations

import os
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from pipeline.artifacts import file_digest
from pipeline.cluster.node_cache import StoredShard
from pipeline.cluster.place import opened
from pipeline.cluster.settings import ClusterParams
from pipeline.cluster.storage import SHARED
from pipeline.data.preparation.packed import Packed
from pipeline.data.preparation.shards import Shard, Shards
from pipeline.errors import WrongValue
from pipeline.search.execution.allotment import Sharing
from pipeline.search.execution.checkpoints import Checkpoints
from pipeline.search.execution.joined_ray import JoinedRay
from pipeline.search.execution.local_ray import LocalRay
from pipeline.search.execution.messages import Assignment, TrialData
from pipeline.search.execution.resources import Node, available_cpus
from pipeline.search.execution.workplace import Workplace, workplace
from pipeline.search.settings import SearchParams
from tests.search.driving import space
from tests.training.samples import noise


@pytest.fixture
def data() -> TrialData:
    train, recipe = noise(48)
    return TrialData(recipe, train, train)


def sharing(folder: Path, data: TrialData, **params: object) -> Sharing:
    """What a search allots."""
    folder.mkdir(parents=True, exist_ok=True)
    return Sharing(SearchParams.model_validate(params), space(folder), data.recipe)


def found(data: TrialData, folder: Path, **cluster: object) -> Workplace:
    """Where the search would run, as `cluster` of params.yaml and the environment say, which it leaves as it is."""
    environment = {**os.environ}
    try:
        return workplace(ClusterParams.model_validate(cluster), folder, sharing(folder, data), data, lambda why: None)
    finally:
        os.environ.clear()
        os.environ.update(environment)


def test_by_default_this_machine_trains_in_the_folder_of_the_study(data: TrialData, tmp_path: Path) -> None:
    place = found(data, tmp_path)
    assert isinstance(place.ray, LocalRay) and not place.is_cluster
    assert (place.place, list(islice(place.attempts(), 2))) == (str(tmp_path), [0, 0])
    assert place.room().slots == place.share().resources.slots == available_cpus()
    assert not (tmp_path / SHARED).exists()


def test_with_a_storage_the_checkpoints_of_this_machine_lie_there_too(data: TrialData, tmp_path: Path) -> None:
    place = found(data, tmp_path / "00112233aabbccdd", storage=str(tmp_path / "storage"))
    assert place.place == str(tmp_path / "storage/00112233aabbccdd")
    assert list(islice(place.attempts(), 2)) == [1, 2]
    assert opened(place.place).names() == [SHARED]
    Checkpoints(place.place, "00112233-0000", 4).write(b"")
    assert next(place.attempts()) == 5


@pytest.mark.parametrize(("address", "variable"), [("10.0.0.1:6379", ""), ("local", "10.0.0.1:6379")])
def test_an_address_is_joined(
    data: TrialData, tmp_path: Path, address: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", variable)
    place = found(data, tmp_path, address=address)
    assert isinstance(place.ray, JoinedRay) and place.is_cluster


def test_a_job_server_is_not(data: TrialData, tmp_path: Path) -> None:
    with pytest.raises(WrongValue, match=r"http://10\.0\.0\.1:8265 is that of a job server — send it there"):
        found(data, tmp_path, address="http://10.0.0.1:8265")


def test_room_on_a_cluster_follows_the_nodes(data: TrialData, tmp_path: Path) -> None:
    nodes = [Node(4)]
    place = Workplace(LocalRay(1, 0, 0), sharing(tmp_path, data, cpus_per_trial=2), lambda: nodes, "", data, is_cluster=True)
    room = place.room()
    assert (room.slots, room.request(Assignment("a", "cnn", {}, 0, "", 1, "cpu")).amounts) == (2, {"CPU": 2, "GPU": 0})
    nodes += [Node(3), Node(1)]
    assert room.slots == 3
    nodes.clear()
    assert room.slots == 0


@pytest.mark.parametrize("storage", [None, "storage"])
def test_images_on_disk_are_found_by_path_or_through_the_storage_by_whoever_trains(
    data: TrialData, tmp_path: Path, storage: str | None
) -> None:
    np.save(tmp_path / "images-00000.npy", data.train.images[:3])
    shard = Shard(tmp_path / "images-00000.npy", data.train.images[:3].shape, file_digest(tmp_path / "images-00000.npy"))
    large = replace(data, train=Packed(Shards([shard]), data.train.labels[:3], data.train.digests[:3]))
    place = found(large, tmp_path, address="10.0.0.1:6379", storage=storage and str(tmp_path / storage))
    (stored,) = place.data.shards
    assert stored.local() == shard.path and np.array_equal(place.data.train.images[:3], data.train.images[:3])
    assert isinstance(stored, StoredShard) and (stored.cache is not None) == (storage is not None)
    assert data.shards == [] and found(large, tmp_path).data is large
