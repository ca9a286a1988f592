from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cluster.depot import Depot
from pipeline.errors import DigestMismatch, MissingFile, SecurityRefusal


@pytest.fixture
def here(tmp_path: Path) -> Path:
    for name, content in {"a/one": "same", "a/two": "same", "b": "other"}.items():
        (tmp_path / "here" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "here" / name).write_text(content)
    return tmp_path / "here"


def test_files_come_back_as_they_were_and_none_is_sent_twice(here: Path, tmp_path: Path) -> None:
    depot = Depot(str(tmp_path / "storage"))
    digests, sent = depot.send(here, ["a/one", "a/two", "b"])
    assert sent == len("same") + len("other")
    assert depot.send(here, ["b", "a/one"])[1] == 0

    depot.fetch(digests, tmp_path / "there")

    assert {name: (tmp_path / "there" / name).read_text() for name in digests} == {"a/one": "same", "a/two": "same", "b": "other"}


def test_what_changed_in_the_storage_is_not_written(here: Path, tmp_path: Path) -> None:
    depot = Depot(str(tmp_path / "storage"))
    digests, _ = depot.send(here, ["b"])
    [stored] = (tmp_path / "storage/jobs/files").iterdir()
    stored.write_text("changed")
    with pytest.raises(DigestMismatch):
        depot.fetch(digests, tmp_path / "there")
    stored.unlink()
    with pytest.raises(MissingFile, match="submit"):
        depot.fetch(digests, tmp_path / "there")
    assert not (tmp_path / "there/b").exists()


@pytest.mark.parametrize("name", ["../outside", "/etc/outside", "a/../../outside"])
def test_a_name_that_leads_out_of_the_project_is_refused(here: Path, tmp_path: Path, name: str) -> None:
    depot = Depot(str(tmp_path / "storage"))
    digests, _ = depot.send(here, ["b"])
    with pytest.raises(SecurityRefusal):
        depot.fetch({name: digests["b"]}, tmp_path / "there")
    with pytest.raises(SecurityRefusal):
        depot.fetch({"b": "../records/key.result.json"}, tmp_path / "there")
    assert not (tmp_path / "outside").exists() and not Path("/etc/outside").exists()


def test_a_record_is_there_once_it_is_written(tmp_path: Path) -> None:
    depot = Depot(str(tmp_path / "storage"))
    assert depot.read("key.result") is None
    depot.write("key.result", {"files": {}})
    assert depot.read("key.result") == {"files": {}}


@pytest.mark.cluster
def test_the_same_on_object_storage(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.cluster.servers import S3

    with S3(tmp_path) as server:
        for name, value in server.credentials().items():
            monkeypatch.setenv(name, value)
        storage = f"{server.create('bucket')}/convoy"
        digests, sent = Depot(storage).send(here, ["a/one", "a/two", "b"])
        assert sent == len("same") + len("other") and Depot(storage).send(here, ["b"])[1] == 0
        Depot(storage).write("key.result", {"files": digests})
        assert Depot(storage).read("key.result") == {"files": digests} and Depot(storage).read("other.result") is None
        Depot(storage).fetch(digests, tmp_path / "there")

    assert (tmp_path / "there/a/two").read_text() == "same"
