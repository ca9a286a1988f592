"""What a storage keeps for jobs and searches: sent once, verified, and gone when nobody needs it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from pipeline.cluster import depot as depots
from pipeline.cluster.depot import FETCHED, IMAGES, REQUEST, RESULT, RETURNING, Depot
from pipeline.errors import DigestMismatch, MissingFile, SecurityRefusal

DAY = 24 * 3600.0


@pytest.fixture
def here(tmp_path: Path) -> Path:
    for name, content in {"a/one": "same", "a/two": "same", "b": "other"}.items():
        (tmp_path / "here" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "here" / name).write_text(content)
    return tmp_path / "here"


def test_files_come_back_as_they_were_and_none_is_sent_twice(here: Path, tmp_path: Path) -> None:
    depot = Depot(str(tmp_path / "storage"))
    digests, sent = depot.send(here, ["a/one", "a/two", "b"], "key", REQUEST, stage="search")
    assert sent == len("same") + len("other")
    assert depot.send(here, ["b", "a/one"], "other", REQUEST)[1] == 0
    assert (depot.read("key", REQUEST) or {}).items() >= {"stage": "search", "files": digests}.items()

    depot.fetch(digests, tmp_path / "there")

    assert {name: (tmp_path / "there" / name).read_text() for name in digests} == {"a/one": "same", "a/two": "same", "b": "other"}


def test_what_changed_in_the_storage_is_not_written(here: Path, tmp_path: Path) -> None:
    depot = Depot(str(tmp_path / "storage"))
    digests, _ = depot.send(here, ["b"], "key", REQUEST)
    [stored] = (tmp_path / "storage/files").iterdir()
    stored.write_text("changed")
    with pytest.raises(DigestMismatch):
        depot.fetch(digests, tmp_path / "there")
    stored.unlink()
    with pytest.raises(MissingFile, match="run the same command again"):
        depot.fetch(digests, tmp_path / "there")
    assert not (tmp_path / "there/b").exists()


@pytest.mark.parametrize("name", ["../outside", "/etc/outside", "a/../../outside"])
def test_a_name_that_leads_out_of_the_project_is_refused(here: Path, tmp_path: Path, name: str) -> None:
    depot = Depot(str(tmp_path / "storage"))
    digests, _ = depot.send(here, ["b"], "key", REQUEST)
    with pytest.raises(SecurityRefusal):
        depot.fetch({name: digests["b"]}, tmp_path / "there")
    with pytest.raises(SecurityRefusal):
        depot.fetch({"b": "../records/key.result.json"}, tmp_path / "there")
    assert not (tmp_path / "outside").exists() and not Path("/etc/outside").exists()


def test_a_record_is_there_once_it_is_written(tmp_path: Path) -> None:
    depot = Depot(str(tmp_path / "storage"))
    assert depot.read("key", RESULT) is None
    depot.write("key", RESULT, {"files": {}})
    assert (depot.read("key", RESULT) or {})["files"] == {}


def used(storage: Path, days: float) -> None:
    """Let all records be so old."""
    for file in (storage / "records").iterdir():
        file.write_text(json.dumps(json.loads(file.read_text()) | {"used_at": time.time() - days * DAY}))


@pytest.mark.parametrize(
    ("kinds", "days", "running", "goes"),
    [
        ((REQUEST, RETURNING, RESULT, FETCHED), 31, False, True),
        ((REQUEST, RETURNING, RESULT, FETCHED), 29, False, False),
        ((REQUEST, RETURNING, RESULT), 400, False, False),  # nobody has its results yet
        ((REQUEST, RETURNING, RESULT, FETCHED), 400, True, False),  # it is done once more
        ((REQUEST,), 400, True, False),
        ((REQUEST,), 31, False, True),  # it failed, or was stopped
        ((REQUEST, RETURNING), 31, False, True),  # it was killed at its end
        ((IMAGES,), 31, False, True),
        ((IMAGES,), 29, False, False),
    ],
)
def test_what_nobody_needs_any_more_is_removed(
    here: Path, tmp_path: Path, kinds: tuple[str, ...], days: float, running: bool, goes: bool
) -> None:
    depot = Depot(str(tmp_path / "storage"))
    for kind in kinds:
        depot.send(here, ["b"] if kind == REQUEST else ["a/one"], "key", kind)
    used(tmp_path / "storage", days)

    cleaned = depot.clean(30, ["key"] if running else [])

    left = [*(tmp_path / "storage").glob("*/*")]
    assert (cleaned.keys == ("key",)) == goes and (not left) == goes
    assert cleaned.files == (len({kind == REQUEST for kind in kinds}) if goes else 0)


def test_a_file_that_another_job_needs_stays(here: Path, tmp_path: Path) -> None:
    depot = Depot(str(tmp_path / "storage"))
    depot.send(here, ["a/one"], "old", REQUEST)
    used(tmp_path / "storage", 31)
    digests, _ = depot.send(here, ["a/two"], "new", REQUEST)
    cleaned = depot.clean(30)
    assert (cleaned.keys, cleaned.files) == (("old",), 0)
    depot.fetch(digests, tmp_path / "there")


def test_what_was_used_a_moment_ago_stays_however_few_days_are_asked_for(here: Path, tmp_path: Path) -> None:
    depot = Depot(str(tmp_path / "storage"))
    depot.send(here, ["b"], "images", IMAGES)
    (tmp_path / "storage/files" / ".being-written").touch()
    assert depot.clean(0).keys == ()
    used(tmp_path / "storage", 1)
    assert depot.clean(0).keys == ("images",)
    assert [file.name for file in (tmp_path / "storage/files").iterdir()] == [".being-written"]


def test_what_is_in_use_says_so_again_and_again(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(depots, "RENEWED_SECONDS", 0.01)
    depot = Depot(str(tmp_path / "storage"))
    depot.send(here, ["b"], "key", REQUEST)
    used(tmp_path / "storage", 400)
    with depot.renewed("key", REQUEST):
        deadline = time.monotonic() + 10
        while (depot.read("key", REQUEST) or {})["used_at"] < time.time() - 60:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert [file.name for file in (tmp_path / "storage/records").iterdir()] == ["key.request.json"]


@pytest.mark.cluster
def test_the_same_on_object_storage(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.cluster.servers import S3

    with S3(tmp_path) as server:
        for name, value in server.credentials().items():
            monkeypatch.setenv(name, value)
        storage = f"{server.create('bucket')}/convoy"
        digests, sent = Depot(storage).send(here, ["a/one", "a/two", "b"], "key", REQUEST)
        assert sent == len("same") + len("other") and Depot(storage).send(here, ["b"], "key", RETURNING)[1] == 0
        Depot(storage).write("key", RESULT, {"files": digests})
        assert (Depot(storage).read("key", RESULT) or {})["files"] == digests and Depot(storage).read("other", RESULT) is None
        Depot(storage).fetch(digests, tmp_path / "there")
        monkeypatch.setattr(depots, "RENEWED_SECONDS", -1.0)
        Depot(storage).write("key", FETCHED, {})
        assert Depot(storage).clean(0) == depots.Cleaned(("key",), 2)
        with pytest.raises(MissingFile):
            Depot(storage).fetch(digests, tmp_path / "there")

    assert (tmp_path / "there/a/two").read_text() == "same"
