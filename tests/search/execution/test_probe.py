"""Which nodes of a cluster are refused; tests/cluster/test_search.py looks at real ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cluster.node import Seen, code_digest
from pipeline.cluster.settings import ClusterParams
from pipeline.errors import DiskFull, NotShared, OtherVersion
from pipeline.search.execution.probe import Wanted, _require

FINE = Seen("host", code_digest(), (), "", ())
FETCHES = Seen("host", code_digest(), (), "", ("/data/images-00000.npy",), to_fetch=8 * 10**9, room=10**10)
WANTED = Wanted("/mnt/shared/00112233", [], Path())


@pytest.mark.parametrize(
    ("seen", "error", "message"),
    [
        (Seen("host", "other", (), "", ()), OtherVersion, "its workers import other code — take Convoy off its PYTHONPATH"),
        (Seen("host", code_digest(), (), "it sees none", ()), NotShared, "set cluster.storage to what all nodes reach"),
        (
            FETCHES,
            NotShared,
            "does not see /data/images-00000.npy, and these images are larger than memory — set cluster.storage",
        ),
    ],
)
def test_a_node_that_must_not_train_is_refused_with_the_remedy(seen: Seen, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as refusal:
        _require(seen, "a node", WANTED, ClusterParams())
    assert message in str(refusal.value)
    _require(FINE, "a node", WANTED, ClusterParams())


def test_a_storage_that_was_named_is_to_be_looked_after_on_the_node() -> None:
    seen = Seen("host", code_digest(), (), "it sees none", ())
    with pytest.raises(NotShared, match="check the mount or the credentials there"):
        _require(seen, "a node", WANTED, ClusterParams(storage="/mnt/shared"))


def test_with_a_storage_a_node_that_does_not_see_the_images_fetches_them_if_it_has_the_room() -> None:
    params = ClusterParams(storage="/mnt/shared")
    _require(FETCHES, "a node", WANTED, params)
    small = Seen("host", code_digest(), (), "", FETCHES.missing, to_fetch=8 * 10**9, room=5 * 10**9)
    with pytest.raises(
        DiskFull, match=r"at a node — 8\.0 GB of images are to be kept there, and there is room for 5\.0 GB — free"
    ):
        _require(small, "a node", WANTED, params)
