"""Files arrive whole and right or not at all, over connections that break and from servers that lie."""

from __future__ import annotations

import errno
import hashlib
import multiprocessing
import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.data.sources.downloads import Downloads, RemoteFile, store
from pipeline.errors import DiskFull, DownloadFailed
from tests.file_server import Behaviour, serving

PIECE = 1 << 14
CONTENT = random.Random(0).randbytes(700_000)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[tuple[Behaviour, str]]:
    behaviour = Behaviour(CONTENT)
    with serving(behaviour) as address:
        yield behaviour, address


def remote(*addresses: str, content: bytes = CONTENT) -> RemoteFile:
    urls = tuple(f"{address}/set/file.gz" for address in addresses)
    return RemoteFile("file.gz", urls, len(content), hashlib.sha256(content).hexdigest())


def downloads(folder: Path, fetch: bool = True) -> Downloads:
    return Downloads(folder, fetch, pause_seconds=0.0)


def closed_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def test_a_file_is_fetched_once_and_then_there(server: tuple[Behaviour, str], tmp_path: Path) -> None:
    behaviour, address = server
    for _ in range(2):
        path = downloads(tmp_path).get("set", remote(address))
    assert path == tmp_path / "set/file.gz"
    assert path.read_bytes() == CONTENT
    assert behaviour.requests == [("/set/file.gz", None)]
    assert not list(path.parent.glob("*.part"))


def test_nothing_is_fetched_when_that_is_off_but_what_is_there_is_used(server: tuple[Behaviour, str], tmp_path: Path) -> None:
    behaviour, address = server
    with pytest.raises(DownloadFailed, match=r"it is not there — set ingest\.download: true"):
        downloads(tmp_path, fetch=False).get("set", remote(address))
    (tmp_path / "set").mkdir()
    (tmp_path / "set/file.gz").write_bytes(CONTENT)
    assert downloads(tmp_path, fetch=False).get("set", remote(address)).read_bytes() == CONTENT
    assert behaviour.requests == []


def test_a_broken_connection_is_resumed_where_it_broke(server: tuple[Behaviour, str], tmp_path: Path) -> None:
    behaviour, address = server
    behaviour.cut_after = [20 * PIECE, 10 * PIECE]
    assert downloads(tmp_path).get("set", remote(address)).read_bytes() == CONTENT
    assert [wanted for _, wanted in behaviour.requests] == [None, f"bytes={20 * PIECE}-", f"bytes={30 * PIECE}-"]


def test_a_later_run_goes_on_where_the_first_gave_up(server: tuple[Behaviour, str], tmp_path: Path) -> None:
    behaviour, address = server
    behaviour.cut_after = [10 * PIECE, 0, 0, 0]
    with pytest.raises(DownloadFailed) as caught:
        downloads(tmp_path).get("set", remote(address))
    assert "163,840 of 700,000 bytes" in caught.value.why
    assert not (tmp_path / "set/file.gz").exists()
    assert downloads(tmp_path).get("set", remote(address)).read_bytes() == CONTENT
    assert behaviour.requests[-1][1] == f"bytes={10 * PIECE}-"


def test_a_server_that_ignores_ranges_sends_all_again(server: tuple[Behaviour, str], tmp_path: Path) -> None:
    behaviour, address = server
    behaviour.ranges, behaviour.cut_after = False, [300_000]
    assert downloads(tmp_path).get("set", remote(address)).read_bytes() == CONTENT
    assert len(behaviour.requests) == 2


def test_a_busy_server_is_asked_again(server: tuple[Behaviour, str], tmp_path: Path) -> None:
    behaviour, address = server
    behaviour.busy = 2
    assert downloads(tmp_path).get("set", remote(address)).read_bytes() == CONTENT


def test_the_rest_of_another_file_is_found_out_and_all_is_fetched_anew(server: tuple[Behaviour, str], tmp_path: Path) -> None:
    behaviour, address = server
    (tmp_path / "set").mkdir()
    (tmp_path / "set/.file.gz.part").write_bytes(b"another beginning")
    assert downloads(tmp_path).get("set", remote(address)).read_bytes() == CONTENT
    assert [wanted for _, wanted in behaviour.requests] == ["bytes=17-", None]


@pytest.mark.parametrize("part", [CONTENT, CONTENT + b"more"], ids=["complete", "too long"])
def test_a_part_that_is_complete_or_too_long_is_fetched_anew(server: tuple[Behaviour, str], tmp_path: Path, part: bytes) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set/.file.gz.part").write_bytes(part)
    assert downloads(tmp_path).get("set", remote(server[1])).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"content": CONTENT[:-1] + b"?"}, "sha256 is"),
        ({"content": CONTENT + b"more"}, "it sends more than 700,000 bytes"),
        ({"content": CONTENT[:-10]}, "ended after 699,990 of 700,000 bytes"),
        ({"status": 404}, "HTTP 404 Not Found"),
        ({"status": 403}, "HTTP 403 Forbidden"),
        ({"busy": 9}, "HTTP 503"),
        ({"cut_after": [PIECE], "wrong_range": True}, "another part than the one asked for"),
    ],
)
def test_what_cannot_be_fetched_is_told_with_address_place_and_digest(
    server: tuple[Behaviour, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, object], why: str
) -> None:
    behaviour, address = server
    vars(behaviour).update(change)
    file = remote(address)
    with pytest.raises(DownloadFailed) as caught:
        downloads(tmp_path).get("set", file)
    assert why in caught.value.why
    assert caught.value.where == file.urls[0]
    assert str(tmp_path / "set") in caught.value.remedy and file.sha256[:12] in caught.value.remedy
    assert caught.value.exit_code == 3
    assert not (tmp_path / "set/file.gz").exists()
    told = capsys.readouterr().err
    assert file.sha256 in told and why in told


def test_a_closed_port_and_an_unknown_host_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed) as caught:
        downloads(tmp_path).get("set", remote(closed_port()))
    assert caught.value.why == "no connection: Connection refused"
    with pytest.raises(DownloadFailed) as caught:
        downloads(tmp_path).get("set", remote("http://no-such-host.invalid"))
    assert caught.value.why.startswith("no connection: ") and "Pool" not in caught.value.why


def test_the_second_address_is_tried_when_the_first_fails(server: tuple[Behaviour, str], tmp_path: Path) -> None:
    assert downloads(tmp_path).get("set", remote(closed_port(), server[1])).read_bytes() == CONTENT


def test_a_damaged_file_in_the_folder_is_fetched_anew_or_named(server: tuple[Behaviour, str], tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set/file.gz").write_bytes(bytes(len(CONTENT)))
    with pytest.raises(DownloadFailed, match="it is not what was published"):
        downloads(tmp_path, fetch=False).get("set", remote(server[1]))
    assert downloads(tmp_path).get("set", remote(server[1])).read_bytes() == CONTENT


def test_the_proxy_of_the_environment_is_asked(
    server: tuple[Behaviour, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    behaviour, address = server
    monkeypatch.setenv("http_proxy", address)
    monkeypatch.setenv("no_proxy", "")
    assert downloads(tmp_path).get("set", remote("http://images.invalid")).read_bytes() == CONTENT
    assert behaviour.requests == [("http://images.invalid/set/file.gz", None)]


def _get(folder: str, file: RemoteFile) -> bytes:
    return downloads(Path(folder)).get("set", file).read_bytes()


def test_processes_that_want_the_same_file_fetch_it_once(server: tuple[Behaviour, str], tmp_path: Path) -> None:
    behaviour, address = server
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert pool.starmap(_get, [(str(tmp_path), remote(address))] * 2) == [CONTENT, CONTENT]
    assert len(behaviour.requests) == 1


def test_a_stored_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    def breaking() -> Iterator[bytes]:
        yield b"some"
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        store(tmp_path / "a/b.tar", breaking())
    assert [file.name for file in (tmp_path / "a").iterdir()] == [".b.tar.lock"]
    store(tmp_path / "a/b.tar", [b"all", b" of it"])
    assert (tmp_path / "a/b.tar").read_bytes() == b"all of it"


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    def full() -> Iterator[bytes]:
        yield b"some"
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(DiskFull, match="E801"):
        store(tmp_path / "b.tar", full())
