"""Images go to each node once, whatever the number of trials: what a search says of it is what came over the network."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.data.preparation import packed
from pipeline.data.preparation.packed import Packed
from pipeline.data.preparation.recipe import Recipe
from tests import projects, searches
from tests.cluster.hosts import Host, needs_hosts, network, start_ray
from tests.cluster.searching import FOLDER, Cluster, Driver, cluster, snapshot
from tests.cluster.servers import Sshd
from tests.repository import REPOSITORY
from tests.search.driving import story

pytestmark = [needs_hosts, pytest.mark.cluster]

SEARCH: dict[str, Any] = {"trials": 6, "epochs": (1, 2), "sampler": "random", "stopping": "none", "audit_share": 0.0}
SIDE = 64
ON_DISK = "from pipeline.data.preparation import packed; packed.SHARE_OF_MEMORY = 0.0"  # as if there were no memory for images
MEGABYTES = 10**6


def enlarge(folder: Path, megabytes: float, rows_a_shard: int = 400) -> int:
    """Let the project have so many images of 64×64 pixels; their bytes."""
    rng, digests, counts, size = np.random.default_rng(0), {}, {}, 0
    for split, share in (("train", 0.8), ("val", 0.2)):
        count = counts[split] = int(megabytes * MEGABYTES * share / SIDE**2)
        labels = np.arange(count, dtype=np.int64) % 3
        images = projects.images_of(labels, rng, SIDE)
        rows = [slice(start, start + rows_a_shard) for start in range(0, count, rows_a_shard)]
        shards = [Packed(images[part], labels[part], [f"{split}{row:06d}" for row in range(count)[part]]) for part in rows]
        files = dict(packed.to_files(shards))
        for name, content in files.items():
            (folder / "data/processed" / split / name).write_bytes(content)
        digests[split] = packed.digest(files)
        size += images.nbytes
    file = folder / "data/processed/recipe.json"
    recipe = Recipe.from_bytes(file.read_bytes()).model_copy(update={"image_size": SIDE, "digests": digests, "counts": counts})
    file.write_bytes(recipe.to_bytes())
    space = folder / "space.yaml"
    space.write_text(space.read_text().replace("batch_size: 32", "batch_size: 128").replace("filters: 8", "filters: 4"))
    return size


def received(host: Host) -> int:
    """Bytes that came in by its cable."""
    (link,) = json.loads(host.run("ip", "-s", "-j", "link", "show", "eth0"))
    return int(link["stats64"]["rx"]["bytes"])


def searched(made: Cluster, before: str = "pass") -> tuple[str, dict[str, int]]:
    """What a search prints; bytes that came to each node meanwhile."""
    counted = {host.run("hostname").strip(): received(host) for host in made.nodes}
    file = made.head.path(FOLDER) / "output.txt"
    run = f"{before}\nimport sys; sys.argv = ['pipeline', 'search']\nfrom pipeline.__main__ import main\nsys.exit(main())"
    with file.open("w") as output:
        started = made.head.popen("python", "-c", run, cwd=FOLDER, output=output, PYTHONPATH=str(REPOSITORY))
    driver = Driver(started, file)
    assert driver.end(500) == 0, driver.output
    return driver.output, {name: received(host) - counted[name] for host, name in zip(made.nodes, counted, strict=True)}


def require_once(output: str, project: Path, size: int, came: dict[str, int], by: str) -> None:
    """Every node received the images once, and the search says so."""
    moved = json.loads((project / "results/search/study.json").read_text())["moved"][-1]
    assert {one["node"].split()[0] for one in moved["nodes"]} == came.keys()
    for one in moved["nodes"]:
        bytes_in = came[one["node"].split()[0]]
        assert one[by] == pytest.approx(size, rel=0.02, abs=0.5 * MEGABYTES)
        assert size <= bytes_in < 1.1 * size + 8 * MEGABYTES  # besides the images our code, and what Ray says all the time
    assert moved["total"] == sum(one["object_store"] + one["storage"] for one in moved["nodes"])
    line = re.search(r"of ([\d.]+) MB of images went .*: ([\d.]+) MB in all, as measured", output)
    assert line and float(line[2]) == pytest.approx(moved["total"] / MEGABYTES, abs=0.1)


def test_images_in_memory_go_to_each_node_once(tmp_path: Path, migrated_mlflow: Path) -> None:
    with cluster(tmp_path / "shared", nodes=2) as made:
        project = made.project(migrated_mlflow, **SEARCH)
        size = enlarge(project, 40)
        output, came = searched(made)
        assert "the search ended after 6 trials" in output
        require_once(output, project, size, came, "object_store")


def test_a_store_that_is_smaller_than_the_images_puts_them_on_disk(tmp_path: Path, migrated_mlflow: Path) -> None:
    with network() as hosts:
        small = "--object-store-memory=78643200"
        head, node = hosts.add(seen=[tmp_path]), hosts.add(hidden=[REPOSITORY / "pipeline"], seen=[tmp_path])
        start_ray(head, small, cpus=0)
        start_ray(node, small, head=head)
        made = Cluster(hosts, head, tmp_path, [node])
        project = made.project(migrated_mlflow, **SEARCH | {"trials": 2, "epochs": (1, 1)})
        size = enlarge(project, 110)
        output, came = searched(made)
        require_once(output, project, size, came, "object_store")


@contextmanager
def apart(folder: Path, nodes: int = 2) -> Iterator[tuple[Cluster, str]]:
    """Nodes that see no folder of others, and the address of a storage that lies on a host of its own."""
    folder.mkdir()
    with cluster(folder / "store", shares=False) as made:
        made.join(nodes, shares=False)
        with Sshd(folder, on=made.hosts.add(seen=[folder])) as server:
            server.introduce_to(made.head, *made.nodes)
            yield made, server.address(made.shared)


def test_images_larger_than_memory_go_to_each_node_once_and_to_the_storage_once_and_the_result_is_that_of_one_machine(
    tmp_path: Path, migrated_mlflow: Path
) -> None:
    alone = searches.write_project(tmp_path / "alone", migrated_mlflow, **SEARCH)
    enlarge(alone, 40)
    assert searches.start(alone).wait(400) == 0, (alone / "output.txt").read_text()
    with apart(tmp_path / "server") as (made, storage):
        project = made.project(migrated_mlflow, storage=storage, **SEARCH)
        size = enlarge(project, 40)
        output, came = searched(made, ON_DISK)
        assert re.search(r"of images are larger than memory: 2 nodes fetch them from ssh://\S+, each once", output)
        assert re.search(r"[\d.]+ MB of them were not there yet, and are now", output)
        require_once(output, project, size, came, "storage")
        assert story(snapshot(project, tmp_path / "copy")) == story(snapshot(alone, tmp_path / "copy alone"))

        searches.write_params(alone, **SEARCH | {"trials": 8})
        wanted = json.loads((project / "params.yaml").read_text())
        wanted["search"]["trials"] = 8
        (project / "params.yaml").write_text(json.dumps(wanted))
        output, came = searched(made, ON_DISK)
        assert "goes on with 6 trials" in output and "the search ended after 8 trials" in output
        assert "were not there yet" not in output and max(came.values()) < 0.3 * size
