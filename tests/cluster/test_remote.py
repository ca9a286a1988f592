"""Every storage keeps the same promises: a folder, S3 and SSH, on real servers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.cluster import remote
from pipeline.cluster.place import opened, within
from pipeline.cluster.storage import Storage, StorageLost
from pipeline.search.execution.checkpoints import Checkpoints, delete, next_attempt
from tests.cluster.servers import S3, Sshd, environment

KEY = "00112233-0001"


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """A server whose key this user, with a home of its own, knows."""
    folder = tmp_path_factory.mktemp("ssh")
    with Sshd(folder) as server:
        (folder / "home/.ssh").mkdir(parents=True)
        (folder / "home/.ssh/config").write_text(server.config())
        with environment({"HOME": str(folder / "home")}):
            yield server


@pytest.fixture(scope="module", params=["folder", *(pytest.param(name, marks=pytest.mark.cluster) for name in ("s3", "ssh"))])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An address that params.yaml may name."""
    folder = tmp_path_factory.mktemp("place")
    if request.param == "folder":
        yield str(folder)
    elif request.param == "ssh":
        server = request.getfixturevalue("sshd")
        yield server.address(folder)
    else:
        with S3(folder) as s3, environment(s3.credentials()):
            yield f"{s3.create('convoy')}/some/folder"
    opened.cache_clear()


def test_files_by_name(place: str) -> None:
    storage = opened(within(place, "names"))
    assert (storage.read("a"), storage.names()) == (None, [])
    storage.delete("a")
    storage.write("a", b"1")
    storage.write("a", b"2")
    storage.append("b", "x")
    storage.append("b", "y")
    assert (storage.read("a"), storage.read("b"), storage.names()) == (b"2", b"x\ny\n", ["a", "b"])
    storage.delete("a")
    assert storage.names() == ["b"]


def test_a_reader_sees_the_old_or_the_new_and_nothing_between(place: str) -> None:
    writer, reader = opened(within(place, "whole")), _another(within(place, "whole"))
    contents = [bytes([number]) * 300_000 for number in range(8)]
    writer.write("a", contents[0])
    thread = threading.Thread(target=lambda: [writer.write("a", content) for content in contents])
    thread.start()
    seen = set()
    while thread.is_alive():
        content = reader.read("a")
        assert content in contents
        seen.add(content)
    thread.join()
    assert reader.read("a") == contents[-1] and writer.names() == ["a"]


def test_checkpoints_of_several_attempts(place: str) -> None:
    where = within(place, "attempts")
    first, second = (Checkpoints(where, KEY, attempt) for attempt in (1, 2))
    assert first.latest() is None
    first.begin_epoch(1)
    first.write(b"epoch 1")
    assert second.latest() == b"epoch 1"
    second.write(b"epoch 2")
    first.write(b"epoch 1, too late")
    assert (Checkpoints(where, KEY, 3).latest(), next_attempt(where)) == (b"epoch 2", 3)
    delete(where, [KEY])
    assert opened(where).names() == [f"{KEY}.1.ledger"]


@pytest.mark.cluster
def test_a_host_whose_key_is_not_known_is_not_trusted(sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / "known_hosts").touch()
    config = sshd.config(known_hosts=tmp_path / "known_hosts")
    (tmp_path / ".ssh/config").write_text(config)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(remote, "_ATTEMPTS", 1)
    with pytest.raises(StorageLost, match=r"[Hh]ost key"):
        _another(sshd.address(tmp_path)).read("a")


@pytest.mark.cluster
def test_a_server_that_is_away_for_a_moment_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with S3(tmp_path) as s3, environment(s3.credentials()):
        storage = _another(f"{s3.create('convoy')}/folder")
        storage.write("a", b"1")
        s3.stop()
        timer = threading.Timer(1.0, s3.start)
        timer.start()
        assert storage.read("a") == b"1"
        timer.join()
        s3.stop()
        monkeypatch.setattr(remote, "_ATTEMPTS", 1)
        with pytest.raises(StorageLost, match="s3://convoy/folder"):
            storage.read("a")
        s3.start()


def _another(place: str) -> Storage:
    """As another process opens it."""
    opened.cache_clear()
    return opened(place)
